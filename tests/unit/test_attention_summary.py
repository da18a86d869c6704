"""Numbers for heads: against values worked out by hand, and heads that are built to be of one kind."""

import numpy as np
import pytest

from nbviz.methods.attention import from_weights
from nbviz.methods.attention.summary import (
    attention_from,
    attention_to,
    entropy,
    first_token_score,
    induction_score,
    mean_distance,
    over_heads,
    previous_token_score,
    rollout,
)


def group_of(weights, rows=None, masked=None):
    return from_weights(np.asarray(weights, dtype=float), rows, rows, masked=masked).main


def causal(n):
    may = np.tril(np.ones((n, n)))
    return may / may.sum(-1, keepdims=True), may == 0


def test_entropy_in_bits_without_masked_rows():
    eight = group_of(np.stack([np.full((8, 8), 1 / 8), np.eye(8)]))
    np.testing.assert_allclose(entropy(eight), [[3, 0]], atol=1e-6)
    weights, masked = causal(4)
    found = entropy(group_of(weights, masked=masked))
    np.testing.assert_allclose(found, np.mean(np.log2([2, 3, 4])), atol=1e-6)  # row 0 cannot choose


def test_entropy_of_single_columns_is_unknown():
    assert np.isnan(entropy(group_of([[1.0]]))).all()


def test_distance_in_tokens():
    shifted = np.roll(np.eye(5), 2, axis=1)[:3]
    weights = np.vstack([shifted, np.eye(5)[3:]])
    assert mean_distance(group_of(weights))[0, 0] == pytest.approx((2 + 2 + 2 + 0 + 0) / 5)


def test_mean_and_largest_over_heads():
    group = group_of(np.stack([np.eye(2), np.full((2, 2), 0.5)]))
    np.testing.assert_allclose(over_heads(group)[0], [[0.75, 0.25], [0.25, 0.75]])
    np.testing.assert_allclose(over_heads(group, "max")[0], [[1, 0.5], [0.5, 1]])
    with pytest.raises(ValueError, match="'mean' or 'max'"):
        over_heads(group, "sum")


def test_rollout_is_the_product_of_the_layers():
    random = np.random.default_rng(0)
    weights = random.dirichlet(np.ones(4), size=(3, 2, 4))
    group = group_of(weights)
    hats = [0.5 * layer.mean(0) + 0.5 * np.eye(4) for layer in weights]
    np.testing.assert_allclose(rollout(group)[2], hats[2] @ hats[1] @ hats[0], atol=1e-6)
    np.testing.assert_allclose(rollout(group).sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(
        rollout(group, residual=0.0)[1], weights[1].mean(0) @ weights[0].mean(0), atol=1e-6
    )
    np.testing.assert_array_equal(rollout(group, residual=1.0)[2], np.eye(4))
    with pytest.raises(ValueError, match="from 0 to 1"):
        rollout(group, residual=2)


def test_rollout_of_causal_attention_stays_causal():
    weights, masked = causal(5)
    found = rollout(group_of(np.stack([weights, weights])[:, None], masked=masked))
    assert (np.triu(found[-1], 1) == 0).all()


def test_a_tokens_attention_out_and_in():
    random = np.random.default_rng(1)
    weights = random.dirichlet(np.ones(3), size=(2, 4, 3)).astype(np.float32)
    group = group_of(weights)
    np.testing.assert_array_equal(attention_from(group, 1), weights[:, :, 1])
    np.testing.assert_array_equal(attention_to(group, 2), weights[..., 2])
    with pytest.raises(ValueError, match="column 3"):
        attention_to(group, 3)


TOKENS = ["a", "b", "c", "d", "a", "b", "c", "d"]


def test_heads_are_told_apart_by_their_scores():
    n = len(TOKENS)
    flat, masked = causal(n)
    first = np.zeros((n, n))
    first[:, 0] = 1
    previous = np.eye(n, k=-1)
    previous[0, 0] = 1
    induction = first.copy()
    for i in range(4, n):
        induction[i] = np.eye(n)[i - 3]  # the token after the first occurrence
    group = group_of(np.stack([flat, first, previous, induction]), TOKENS, masked)
    np.testing.assert_allclose(first_token_score(group)[0, 1], 1)
    np.testing.assert_allclose(
        previous_token_score(group)[0], [np.mean(1 / np.arange(2, 9)), 1 / 7, 1, 1 / 7]
    )
    scores = induction_score(group)[0]
    assert scores[3] == 1
    assert scores[1] == scores[2] == 0
    assert scores[0] == pytest.approx(np.mean(1 / np.arange(5, 9)))


def test_induction_without_a_repeat_is_unknown_and_of_a_doubled_letter_no_look_at_itself():
    assert np.isnan(induction_score(group_of(np.eye(3), ["a", "b", "c"]))).all()
    assert np.isnan(induction_score(group_of(np.eye(2), ["a", "a"]))).all()
    with pytest.raises(ValueError, match="2 tokens for 3 rows"):
        induction_score(group_of(np.eye(3)), ["a", "b"])


@pytest.mark.parametrize("score", [mean_distance, rollout, previous_token_score, induction_score])
def test_cross_attention_has_no_such_score(score):
    cross = from_weights(np.full((2, 4), 0.25), ["x", "y"], list("abcd")).main
    with pytest.raises(ValueError, match="Choose a self-attention group"):
        score(cross)
