"""Errors name what is wrong and what is near."""

from __future__ import annotations

from nbviz.core.errors import ModelError, UnknownName, unknown_keyword, unknown_name


def test_unknown_name_lists_the_near_ones_first():
    error = unknown_name("layer", "layer1.conv", ["input", "layer1.conv1", "layer1.conv2", "fc"])
    assert isinstance(error, UnknownName)
    assert isinstance(error, ValueError)
    assert str(error) == (
        "unknown layer 'layer1.conv'. Did you mean 'layer1.conv2' or 'layer1.conv1'? "
        "There are: input, layer1.conv1, layer1.conv2, fc"
    )


def test_unknown_name_without_a_near_one_or_any():
    assert str(unknown_name("layer", 7, ["a", "b"])) == "unknown layer 7. There are: a, b"
    assert str(unknown_name("layer", "x", [])) == "unknown layer 'x'."


def test_a_long_list_is_cut():
    text = str(unknown_name("unit", "zzz", [f"u{i:03}" for i in range(500)]))
    assert text.endswith("u023, …")
    assert len(text) < 200


def test_unknown_keyword_is_a_type_error_with_the_nearest():
    error = unknown_keyword("LayerExplorer", "perplexty", ["layer", "perplexity", "seed"])
    assert isinstance(error, TypeError)
    assert str(error).endswith("unexpected keyword 'perplexty'. Did you mean 'perplexity'?")
    other = str(unknown_keyword("LayerExplorer", "qqq", ["seed", "layer"]))
    assert other.endswith("It takes: layer, seed")


def test_a_model_error_is_a_runtime_error():
    assert issubclass(ModelError, RuntimeError)
