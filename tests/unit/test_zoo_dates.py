"""The date translator: what ships reads dates it has never seen, and reads them where a person would."""

from __future__ import annotations

import json
import sys
import unicodedata
from datetime import date

import numpy as np
import pytest
import torch

from nbviz import zoo
from nbviz.core.capture import capture
from nbviz.methods.seq2seq import StepDecoder, decode
from nbviz.zoo.additive_attention import AdditiveAttention
from nbviz.zoo.catalogue import WEIGHTS, read_card
from nbviz.zoo.dates import held_out_dates, is_held_out
from nbviz.zoo.dates_tokenizer import DateTokenizer

CARD = read_card(WEIGHTS / "date-attention.json")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads slow small steps down
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def network():
    return zoo.load("date-attention")


def translated(network, text):
    """Symbol by symbol through the protocol, until the end; the attention of each step."""
    model = network.module
    written, attention = [], []
    with torch.inference_mode():
        memory = model.encode(torch.tensor([network.tokenizer(text)]))
        state, token = model.start(memory), torch.tensor([model.start_id])
        while len(written) < 20:
            logits, state, weights = model.step(token, state, memory)
            token = logits.argmax(1)
            attention.append(weights[0].numpy())
            if token.item() == model.end_id:
                break
            written.append(model.output_tokens[token.item()])
    return "".join(written), np.array(attention)


@pytest.fixture(scope="module")
def held_out(network):
    """(row, translation, attention) of each date that ships."""
    return [(row, *translated(network, row["text"])) for row in held_out_dates()]


# Data


def test_the_dates_that_ship_are_held_out_and_meant_as_stated():
    rows = held_out_dates()
    assert len({row["text"] for row in rows}) == len(rows) == 300
    assert {row["locale"] for row in rows} == set(CARD["locales"])
    for row in rows:
        day = date.fromisoformat(row["iso"])
        assert is_held_out(day)
        digits = "".join(c for c in unicodedata.normalize("NFKC", row["text"]) if c.isdecimal())
        assert f"{day.year}" in digits
        assert f"{day.day}" in digits


def test_no_day_and_no_text_of_training_is_held_out():
    pytest.importorskip("babel")
    from nbviz.zoo.train_dates import days, part_of, written

    training = written(days(7, "training"), 4000, 7)
    assert not {row["text"] for row in training} & {row["text"] for row in held_out_dates()}
    parts = {part_of(date.fromisoformat(row["iso"])) for row in training}
    assert parts == {"training"}
    assert {part_of(date.fromisoformat(row["iso"])) for row in held_out_dates()} == {"held out"}


def test_every_tenth_day_is_held_out_and_on_every_weekday():
    some = [date.fromordinal(n) for n in range(700_000, 707_000)]
    kept = [day for day in some if is_held_out(day)]
    assert len(kept) == 700
    assert {day.weekday() for day in kept} == set(range(7))


def test_load_dates_gives_samples():
    samples = zoo.load_dates(20)
    assert len(samples) == 20
    assert samples.inputs[0] == samples.name(0) == held_out_dates()[0]["text"]
    assert samples.metadata["iso"][0] == held_out_dates()[0]["iso"]
    assert samples.label_name(samples.labels[3]) == held_out_dates()[3]["locale"]
    for n in (0, 301):
        with pytest.raises(ValueError, match=rf"n={n} .* 1 to 300"):
            zoo.load_dates(n)


def test_the_licence_of_the_names_stands_beside_them():
    text = (WEIGHTS.parent / "data" / "LICENSE-cldr.txt").read_text(encoding="utf-8")
    assert "UNICODE LICENSE V3" in text
    assert "Unicode, Inc." in text


def test_ambiguous_forms_are_not_in_the_data():
    pytest.importorskip("babel")
    from nbviz.zoo.train_dates import LOCALES, patterns

    every = {pattern for locale in LOCALES for pattern in patterns(locale)}
    assert "d. MMMM y" in every
    assert "y-MM-dd" in every
    assert "dd.MM.y" in every
    assert not {p for p in every if "/" in p and not p.startswith("y")}
    assert not {p for p in every if "yy" in p}


# Tokenizer


def test_tokenizer_knows_case_accents_and_spaces():
    tokenizer = DateTokenizer("ABCabcdeä 0123456789")
    assert tokenizer.pad_token_id == 0
    assert tokenizer.decode(tokenizer("abä 12")) == "abä 12"
    assert tokenizer.decode(tokenizer("a\N{COMBINING DIAERESIS}b")) == "äb"  # composed first
    assert tokenizer.decode(tokenizer("áÂ")) == "aA"  # without accents
    assert tokenizer.decode(tokenizer("DÄ")) == "dä"  # the other case
    assert tokenizer.decode(tokenizer("１２")) == "12"  # full width
    assert tokenizer.decode(tokenizer(" a\u202f\tb\n")) == "a  b"
    assert tokenizer.decode(tokenizer("a☃b")) == "a\N{REPLACEMENT CHARACTER}b"
    assert tokenizer("☃") == [tokenizer.unk_token_id]
    assert tokenizer.unknown("a☃b♞☃") == ["☃", "♞"]
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == ["<pad>", "<unknown>", "A"]


def test_tokenizer_fills_up_a_batch():
    tokenizer = DateTokenizer("abc")
    batch = tokenizer(["abc", "a"], padding=True, truncation=True, return_tensors="pt")
    assert batch["input_ids"].tolist() == [[2, 3, 4], [2, 0, 0]]
    assert tokenizer(["abc", "a"]) == {"input_ids": [[2, 3, 4], [2]]}
    assert tokenizer.decode([2, 0, 0]) == "a"
    for empty in ("", "  "):
        with pytest.raises(ValueError, match="the text is empty"):
            tokenizer(empty)


# Attention


def test_attention_is_the_equation_of_the_paper():
    torch.manual_seed(0)
    attention = AdditiveAttention(3, 4, 5).double()
    state, memory = torch.randn(2, 3).double(), torch.randn(2, 6, 4).double()
    context, weights = attention(state, memory)
    W, b, U, v = (p.detach().numpy() for p in attention.parameters())
    for n in range(2):
        scores = np.array([v[0] @ np.tanh(W @ state[n].numpy() + b + U @ h) for h in memory[n].numpy()])
        expected = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(weights[n].detach().numpy(), expected, atol=1e-12)
        np.testing.assert_allclose(context[n].detach().numpy(), expected @ memory[n].numpy(), atol=1e-12)


def test_attention_without_v_is_uniform_and_masked_positions_get_nothing():
    attention = AdditiveAttention(3, 4, 5)
    torch.nn.init.zeros_(attention.v.weight)
    mask = torch.tensor([[True, True, True, False, False]])
    _, weights = attention(torch.randn(1, 3), torch.randn(1, 5, 4), mask)
    torch.testing.assert_close(weights, torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0, 0]]))
    assert (weights[0, 3:] == 0).all()


def test_permuting_the_memory_permutes_the_weights():
    torch.manual_seed(1)
    attention, query, memory = AdditiveAttention(3, 4, 5), torch.randn(1, 3), torch.randn(1, 6, 4)
    order = torch.randperm(6)
    torch.testing.assert_close(attention(query, memory[:, order])[1], attention(query, memory)[1][:, order])


# The trained model


def test_it_fits_the_protocol(network):
    model = network.module
    assert isinstance(model, StepDecoder)
    assert model.output_tokens[model.start_id] == "<start>"
    assert model.output_tokens[model.end_id] == "<end>"
    assert not any(part.training for part in model.modules())
    assert "date-attention" in zoo.list()


def test_it_is_decoded_by_the_method(network):
    text = "9. März 2021"
    found = decode(network, text)
    assert found.output_text == "2021-03-09"
    assert found.input_tokens == tuple(text)
    np.testing.assert_allclose(found.groups[0].weights[0, 0], translated(network, text)[1], atol=1e-6)
    forced = decode(network, text, force={2: "9"}).output_text
    assert forced.startswith("209")
    assert forced.endswith("-03-09")
    uniform = decode(network, text, uniform=True)
    np.testing.assert_allclose(uniform.groups[0].weights, 1 / len(text), atol=1e-6)
    assert uniform.output_text != "2021-03-09"


@pytest.mark.parametrize(
    "text",
    [
        "9. März 2021",
        "9. MÄRZ 2021",
        "9. Marz 2021",
        "9. Ma\N{COMBINING DIAERESIS}rz 2021",
        "March 9, 2021",
        "march 9th 2021",
        "Tuesday, March 9, 2021",
        "9 de marzo de 2021",
        "mardi 9 mars 2021",
        "2021年3月9日",
        "9 марта 2021\u202fг.",
        "9 Μαρτίου 2021",
        "09.03.2021",
        "2021-03-09",
    ],
)
def test_the_ninth_of_march(network, text):
    assert translated(network, text)[0] == "2021-03-09"


def test_exact_on_held_out_dates(held_out):
    assert np.mean([found == row["iso"] for row, found, _ in held_out]) >= 0.99
    assert CARD["held_out_exact"] >= 0.99


def test_the_year_is_read_where_the_year_stands(held_out):
    on_year, elsewhere = [], []
    for row, _, attention in held_out:
        first = row["text"].index(row["iso"][:4])
        share = attention[:, first : first + 4].sum(1)
        on_year.append(share[:4].mean())
        elsewhere.append(share[5:7].mean())
    assert np.mean(on_year) >= 0.97
    assert np.quantile(on_year, 0.05) >= 0.9
    assert np.mean(elsewhere) < 0.2  # while the month is written


def test_untrained_it_reads_anywhere():
    untrained = zoo.load("date-attention", trained=False)
    rows = held_out_dates()[:15]
    attention = [translated(untrained, row["text"])[1][:4] for row in rows]
    shares = [
        a[:, row["text"].index(row["iso"][:4]) :][:, :4].sum(1).mean()
        for a, row in zip(attention, rows, strict=True)
    ]
    assert np.mean(shares) < 0.4
    assert not any(translated(untrained, row["text"])[0] == row["iso"] for row in rows)


def test_weights_add_up_to_one_and_the_source_is_not_changed(network):
    ids = torch.tensor([network.tokenizer("9. März 2021")])
    before = ids.clone()
    memory = network.module.encode(ids)
    state = network.module.start(memory)
    kept = state.clone()
    logits, _, weights = network.module.step(torch.tensor([0]), state, memory)
    assert logits.shape == (1, len(network.module.output_tokens))
    assert weights.shape == ids.shape
    assert torch.equal(state, kept)
    assert torch.equal(ids, before)
    torch.testing.assert_close(weights.sum(1), torch.ones(1))
    assert (weights >= 0).all()


def test_filling_changes_nothing(network):
    texts = ["March 9, 2021", "Donnerstag, 18. September 2042"]
    batch = network.tokenizer(texts, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        together = network.module(batch)
        memory = network.module.encode(batch)
        weights = network.module.step(torch.tensor([0, 0]), network.module.start(memory), memory)[2]
        for row, text in enumerate(texts):
            alone = network.module(torch.tensor([network.tokenizer(text)]))
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-4)
    assert (weights[0, len(texts[0]) :] == 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(2))


def test_teacher_forcing_agrees_with_free_writing_where_that_is_right(network):
    ids = torch.tensor([network.tokenizer("9. März 2021")])
    target = torch.tensor([[network.module.output_tokens.index(c) for c in "2021-03-09"] + [1]])
    with torch.inference_mode():
        torch.testing.assert_close(network.module(ids), network.module(ids, target))


def test_it_works_as_a_network(network):
    samples = zoo.load_dates(12)
    names = [layer.name for layer in network.layers(samples)]
    assert {"source_embedding", "encoder.gru", "attention", "decoder", "readout"} <= set(names)
    states = capture(network, samples, ["encoder"], reduce="mean")["encoder"]
    assert states.shape == (12, 128)
    assert np.isfinite(states).all()


def test_size():
    size = sum(file.stat().st_size for file in (WEIGHTS / "date-attention").iterdir())
    assert size < 220_000
    assert len(CARD["symbols"]) + 2 == CARD["kwargs"]["n_symbols"]


# Training


def test_training_learns_and_is_reproducible():
    pytest.importorskip("babel")
    from dataclasses import replace

    from nbviz.zoo import train_dates

    recipe = replace(train_dates.RECIPES["date-attention"], pairs=256, epochs=1, batch_size=32)
    tokenizer = DateTokenizer(CARD["symbols"])
    before, found = torch.get_rng_state(), []
    for _ in range(2):
        train_dates.train(recipe, tokenizer, lambda _, m: found.append({**m.state_dict()}))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
    assert torch.equal(torch.get_rng_state(), before)
    first = zoo.load("date-attention").checkpoints[0]
    assert any(not torch.equal(found[0][key], first[key]) for key in first)


def test_variants_keep_the_digits():
    pytest.importorskip("babel")
    import random

    from nbviz.zoo.train_dates import ordinal, varied

    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 30)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "30th"]
    )
    some = {varied("Tuesday, March 9, 2021", "en_US", random.Random(seed)) for seed in range(300)}
    assert {"TUESDAY, MARCH 9, 2021", "Tuesday March 9 2021", "Tuesday, March 9th, 2021"} <= some
    assert "Tuesday, March 09, 2021" in some
    assert all("2021" in text and "9" in text for text in some)
    assert all("9th" not in varied("9 mars 2021", "fr", random.Random(seed)) for seed in range(50))


def test_loading_needs_no_babel(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    assert (
        translated(zoo.load("date-attention"), zoo.load_dates(1).inputs[0])[0] == held_out_dates()[0]["iso"]
    )


def test_card_and_data_are_plain_json():
    assert json.loads((WEIGHTS.parent / "data" / "dates.json").read_text(encoding="utf-8")).keys() == {
        "dates"
    }
    assert CARD["family"] == "dates"
