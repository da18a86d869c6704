"""Every lecture notebook runs from top to bottom, every picture is drawn, and what it claims is true."""

import pytest

CLAIMS = {
    "01_layer_explorer.ipynb": [
        "before.neighbourhood_hit > 0.6 and before.accuracy < 0.2",
        "after.neighbourhood_hit > before.neighbourhood_hit",
        "after.accuracy > 0.99",
        "set(after.selection) == set(wrong) == set(before.selection)",
    ],
    "02_hidden_activity.ipynb": [
        "maps.neighbourhood_hit[0] < 0.85 and maps.neighbourhood_hit[-1] > 0.97",
        "np.abs(neurons.unit_values).max() > 1.5",
        "epochs.accuracy[-1] > 0.99 and epochs.accuracy[2] > 0.9 > epochs.accuracy[0]",
        "maps.neighbourhood_hit[2] - maps.neighbourhood_hit[0]"
        " > 0.6 * (maps.neighbourhood_hit[-1] - maps.neighbourhood_hit[0])",
        "abs(through.neighbourhood_hit_activations[1] - through.neighbourhood_hit_activations[0]) < 0.04",
        "all(through.neighbourhood_hit_activations[through.names.index(f'pool{i}')]"
        " > through.neighbourhood_hit_activations[through.names.index(f'relu{i}')] for i in (1, 2, 3))",
    ],
    "03_occlusion.ipynb": [
        "painter.effect.covered == 0.5",
        "slider.map.probability.min() < 0.5 < slider.map.clean_probability",
        "found.path == 'incremental'",
    ],
    "04_hidden_states.ipynb": [
        "view.cells == [('rnn.1', 7)]",
        "found.inside[1] > 2 * found.base[1] and found.p_value[1] < 0.05",
        "scores['inside parentheses'][0][1] > 0.95 and abs(scores['in single quotes'][0][1] - 0.5) > 0.45",
        "all(abs(untrained[1] - 0.5) < 0.2 for _, untrained in scores.values())",
        "cell_text.order[0] == 135",
        "slow.tau[1] > 2 * slow.tau[0]",
        "network_bits < ngram_bits",
        "(gates.saturation.right['f']['rnn.1'] > 0.9).any()",
        "extra[[c == ')' for c in text]].mean() > 1.5 > 0.2 > extra[[c != ')' for c in text]].mean()",
    ],
    "05_attention.ipynb": [
        "view.output_text == '2021-03-09'",
        "sum(weights[i, year + i] for i in range(4)) / 4 > 0.9",
        "blind.output_text != '2021-03-09' and blind.output_text.endswith('-03-09')",
        "score(uniform=True) < 20",
        "induction[layer, head] > 0.5 and with_head < 2 and without_head > 3 * with_head",
        "picture.output_text == scenes.sentences[3]",
        "np.mean(inside) > 4 * np.mean(covered)",
    ],
    "07_correspondence.ipynb": [
        "(view.result.mean[:-1] < view.result.baseline).all()",
        "np.array_equal(same.mean, view.result.mean)",
        "(wrong.result.mean[0, 3:] > wrong.result.baseline[0, 3:]).all()",
        "(wrong.result.mean[0, :2] < wrong.result.baseline[0, :2]).all()",
        "(fair.result.mean[:-1, :3] >= fair.result.baseline[:, :3]).all()",
        "(away.result.mean[:-1, 3] < away.result.baseline[:, 3]).all()",
        "(away.result.baseline[:, 3] - away.result.mean[:-1, 3] < away.result.sd[:-1, 3]).all()",
        "faces is None or (faces.result.mean[:-1, 0] < 0.5 * faces.result.baseline[:, 0]).all()",
        "faces is None or"
        " (abs(faces.result.mean[:-1] - faces.result.baseline) < faces.result.sd[:-1])[:, 1:].all()",
    ],
    "09_maps_up_close.ipynb": [
        "0.2 < found.mean < 0.4 and found.chance < 0.02",
        "found.local[labels == 1].mean() > 2 * found.local[labels == 3].mean()",
        "float(own_label([found.gained(i) for i in everybody])[:-1]) > 95",
        "float(own_label([found.lost(i) for i in everybody])[:-1]) < 70",
        "0.2 < models.preservation.mean < 0.35",
        "988 in in_map and 988 in in_layer and 9 <= len(in_map) <= 17 and len(in_map - in_layer) >= 3",
        "outliers.overlap.odds_ratio > 100 and outliers.overlap.p_value < 1e-6",
        "0.85 < wall.neighbourhood_hit < 0.95",
        "draw.distance_percentile > 99",
        "by_state > 0.95 and by_letters < 0.6",
    ],
    "10_where_layers_separate.ipynb": [
        "0.5 < phones.table.hits[0, 0] < 0.65 and (phones.table.hits[3:, 0] > 0.9).all()",
        "(np.diff(phones.table.hits[:, 2]) < 0).all() and 0.07 < phones.table.hits[4, 2] < 0.09",
        "0.17 < phones.table.hits[0, 2] < 0.2 and phones.table.hits[0, 0] > phones.table.hits[0, 2]",
        "table.accuracy[0, who] > 0.48 and table.accuracy[4, who] < 0.1",
        "table.untrained_accuracy[4, who] > 0.75 * table.untrained_accuracy[0, who]",
        "(kinds.table.accuracy[1:5] > 0.99).all() and 0.95 < kinds.table.untrained_accuracy[4, 0] < 0.97",
        "(np.diff(kinds.table.shuffled_accuracy[:5, 0]) > 0).all() and kinds.table.selectivity[4, 0] < 0.05",
        "(np.diff(kinds.table.selectivity[:5, 0]) < 0).all() and kinds.table.accuracy.argmin() == 0",
        "(np.diff(shapes.table.accuracy[:, 0]) > 0).all()",
        "(shapes.table.accuracy[1:4, 1] > shapes.table.accuracy[0, 1]).all()",
        "(shapes.table.untrained_accuracy[1:4, 1] > shapes.table.accuracy[0, 1]).all()",
        "shapes.table.accuracy[5, 1] < 0.2 < 0.5 < shapes.table.untrained_accuracy[5, 1]",
        "shapes.table.accuracy[4, 1] > 0.8",
        "shapes.table.accuracy[3, 2] > 0.5 > shapes.table.accuracy[4, 2]",
    ],
}


@pytest.mark.timeout(480)
@pytest.mark.parametrize("name", CLAIMS)
def test_it_runs_from_top_to_bottom(notebook, shoot, name):
    page = notebook(name, ui="lab", size=(1300, 1000), run=False)
    page.run_all(timeout=300_000)
    page.page.wait_for_function(
        "() => { const r = [...document.querySelectorAll('.nbviz-root')];"
        " return r.length > 0 && r.every(x => x.dataset.status === 'done'); }",
        timeout=120_000,
    )
    shoot(page.page, name.removesuffix(".ipynb"))
    for claim in CLAIMS[name]:
        assert page.kernel(f"bool({claim})") == "True", claim
