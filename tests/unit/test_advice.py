"""What is said when a model does not take its input: token ids, models that pack, names of classes."""

import warnings

import numpy as np
import pytest
import torch
from recurrent_models import Lm, randomised
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nbviz.core.advice import advice_on_ids
from nbviz.core.capture import capture
from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.core.reading import names_mismatch
from nbviz.methods.recurrent import states
from nbviz.views.hidden_states import HiddenStates
from nbviz.views.layer_explorer import LayerExplorer
from nbviz.views.neuron_explorer import NeuronExplorer


class Packs(nn.Module):
    """Reads sequences of different lengths, as many tutorials do."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.out = nn.Linear(5, 9)
        randomised(self)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.embed(ids), lengths, batch_first=True)
        return self.out(pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0])


class PacksPerhaps(Packs):
    def forward(self, ids, lengths=None):
        return super().forward(ids, lengths)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Packs(), r"forward takes \(ids, lengths\), and it was given no lengths"),
        (PacksPerhaps(), "packs its input, and it was given no lengths"),
    ],
)
def test_a_model_that_wants_lengths_is_told_how_to_be_called(module, words):
    with pytest.raises(ModelError, match=words) as caught:
        states(module, [1, 2, 3])
    said = str(caught.value)
    assert "Network(model, forward=lambda module, inputs: module(inputs, torch.full(" in said
    lambda_ = said[said.index("forward=lambda") + len("forward=") : said.rindex(")).") + 1]
    forward = eval(lambda_, {"torch": torch})  # what is proposed does it
    found = states(Network(module, forward=forward), [1, 2, 3])
    expected = module(torch.tensor([[1, 2, 3]]), torch.tensor([3]))[0].detach()
    np.testing.assert_allclose(found.logits, expected, atol=1e-6)


def test_a_second_input_is_asked_for_and_a_given_forward_is_not_advised_on():
    class Two(nn.Module):
        def forward(self, x, mask):
            return x * mask

    with pytest.raises(ModelError, match=r"takes \(x, mask\), and it was given one input.*forward=lambda"):
        Network(Two()).layers(np.ones((1, 3), np.float32))
    with pytest.raises(ModelError) as caught:
        Network(Two(), forward=lambda module, x: module(x)).layers(np.ones((1, 3), np.float32))
    assert "forward=" not in str(caught.value)


def test_the_token_id_that_no_embedding_has_is_named():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Linear(4, 4)
            self.words = nn.Embedding(6, 4)

        def forward(self, ids):
            return self.scale(self.words(ids))

    with pytest.raises(ModelError, match=r"Token id 9 at \(1, 0\) .* 'words' takes 6 ids, 0 to 5"):
        capture(Network(Reader()), np.array([[1, 2], [9, 3]]), ["output"])
    with pytest.raises(ModelError, match=r"token id 11 at step 1 .* ids from 0 to 10 .*takes 11"):
        states(Lm(), [0, 11])
    module = Reader()
    assert "id -1 at (0, 1)" in advice_on_ids(module, {"input_ids": torch.tensor([[0, -1]])})
    assert advice_on_ids(module, torch.tensor([[0, 5]])) == ""
    assert advice_on_ids(nn.Linear(1, 1), torch.tensor([[99]])) == ""
    assert advice_on_ids(module, torch.tensor([[99.0]])) == ""


@pytest.mark.parametrize(
    ("names", "shape", "wrong"),
    [
        (0, (10,), False),
        (10, (10,), False),
        (9, (10,), True),
        (2, (1,), False),
        (1, (1,), False),
        (3, (), True),
        (2, (10,), True),
        (10, (1, 10, 1), False),
        (10, (1, 28, 28), False),  # a picture
        (5, (12, 7), False),  # a vector for each step
    ],
)
def test_names_are_compared_with_one_vector_of_outputs(names, shape, wrong):
    assert bool(names_mismatch(names, shape)) == wrong


def test_another_number_of_class_names_is_warned_about_once_and_noted():
    x = np.zeros((3, 4), np.float32)
    network = Network(nn.Linear(4, 3), class_names=["yes", "no"])
    with pytest.warns(UserWarning, match="class_names has 2 names, and the model gives 3 outputs") as caught:
        network.layers(x)
    assert caught[0].filename == __file__
    assert network.notes[0].startswith("class_names has 2 names")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.predict(x)
        for fine in (["a", "b", "c"], None):
            other = Network(nn.Linear(4, 3), class_names=fine)
            other.layers(x)
            assert other.notes == ()

    class Config:
        id2label = {0: "LABEL_0", 1: "LABEL_1"}  # noqa: RUF012 as transformers has it, also without a head

    headless = nn.Linear(4, 3)
    headless.config = Config()
    network = Network(headless, checkpoints={0: headless.state_dict()})
    network.layers(x)
    epoch = network.at_epoch(0)
    epoch.layers(x)
    assert network.notes == epoch.notes == ()


@pytest.mark.filterwarnings("ignore:class_names has")
@pytest.mark.parametrize("view", [LayerExplorer, NeuronExplorer])
def test_every_view_shows_the_notes_about_its_model(view):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4)).astype(np.float32)
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    shown = view(Network(module, class_names=["yes", "no"]), x, rng.integers(0, 2, 30), executor="inline")
    assert shown.model_notes[0].startswith("class_names has 2 names, and the model gives 3 outputs")
    assert "model_notes" not in shown.keywords()
    shown.close()
    plain = view(Network(module), x, rng.integers(0, 2, 30), executor="inline")
    assert plain.model_notes == []
    plain.close()


def test_symbols_of_a_language_model_are_compared_too():
    network = Network(Lm(), class_names=["a", "b"])
    with pytest.warns(UserWarning, match="class_names has 2 names, and the model gives 11 outputs"):
        view = HiddenStates(network, [1, 2, 3], executor="inline")
    assert view.model_notes[0] in view.latest().notes
    assert len(view.specimen["symbols"]) == 11
    view.close()
