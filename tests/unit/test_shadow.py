"""The user's module stays bit for bit as it is: flags, hooks, gradients, buffers, random state."""

from __future__ import annotations

import copy
import threading
import time

import numpy as np
import pytest
import torch
from shadow_models import Counts, Fails, conv_net, everything, images
from torch import nn

from nbviz.core.capture import capture, capture_steps
from nbviz.core.errors import ModelError
from nbviz.core.network import Network


def test_nothing_changes_when_layers_are_listed_captured_and_predicted():
    module = conv_net()
    module[5].register_forward_hook(lambda m, i, o: None)
    before = everything(module)
    network = Network(module)
    network.layers(images())
    capture(network, images(), ["0", "1", "2", "5", "output"])
    network.predict(images())
    assert everything(module) == before


def test_nothing_changes_when_forward_raises():
    module = Fails()
    before = everything(module)
    network = Network(module)
    with pytest.raises(ModelError, match="I dislike fives"):
        capture(network, np.zeros((5, 4), np.float32), ["output"])
    assert everything(module) == before
    assert not any(m._forward_hooks for m in network._shadow._twin.modules())
    assert capture(network, np.zeros((6, 4), np.float32), ["output"])["output"].shape == (6, 4)


def test_nothing_changes_when_the_work_is_stopped_half_way():
    module = conv_net()
    before = everything(module)
    network = Network(module)
    steps = capture_steps(network, images(), ["0"], batch_size=16)
    assert next(steps).done == 16
    steps.close()
    assert everything(module) == before
    assert not any(m._forward_hooks for m in network._shadow._twin.modules())


def test_no_lock_is_held_between_two_batches():
    network = Network(conv_net())
    steps = capture_steps(network, images(), ["5"], batch_size=16)
    next(steps)
    got = []

    def other() -> None:
        got.append(capture(network, images(4), ["5"])["5"].shape)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(10)
    assert got == [(4, 3)]


def test_evaluation_behaviour_of_a_module_in_training_mode():
    module = conv_net().train()
    with torch.no_grad():
        module[1].running_mean.normal_()
    reference = copy.deepcopy(module).eval()
    expected = reference(torch.from_numpy(images().inputs)).detach().numpy()
    np.testing.assert_allclose(capture(module, images(), ["output"])["output"], expected, atol=1e-5)
    assert all(child.training for child in module.modules())


def _train(module: nn.Module, steps: int, watched=None) -> list[float]:
    torch.manual_seed(1)
    optimiser = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    x = torch.randn(64, 1, 8, 8)
    y = (x.mean((1, 2, 3)) > 0).long()
    losses = []
    module.train()
    for step in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(module(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if watched is not None and step == 2:
            watched.wait(10)
    return losses


def test_training_beside_a_view_gives_the_weights_of_training_alone():
    alone, together = conv_net(), conv_net()
    losses = _train(alone, 60)
    network = Network(together)
    seen, stop, errors = [], threading.Event(), []
    several = threading.Event()

    def view() -> None:
        try:
            while not stop.is_set():
                seen.append(capture(network, images(), ["1", "output"], batch_size=16)["output"])
                network.predict(images(8))
                if len(seen) > 1:
                    several.set()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
            several.set()

    thread = threading.Thread(target=view)
    thread.start()
    beside = _train(together, 60, several)
    stop.set()
    thread.join(10)
    assert not errors
    assert len(seen) >= 2
    assert beside == losses
    assert losses[-1] < 0.7 * losses[0]
    for (name, a), (_, b) in zip(alone.state_dict().items(), together.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    assert not np.array_equal(seen[0], capture(network, images(), ["output"])["output"])


def test_weights_are_shared_and_updates_are_seen_at_once():
    module = nn.Linear(3, 2)
    network = Network(module)
    x = np.eye(3, dtype=np.float32)
    capture(network, x, ["output"])
    with torch.no_grad():
        module.weight.fill_(2.0)
        module.bias.zero_()
    assert (capture(network, x, ["output"])["output"] == 2).all()
    module.weight.data = torch.full((2, 3), 5.0)
    assert (capture(network, x, ["output"])["output"] == 5).all()
    module.double()
    assert (capture(network, x, ["output"])["output"] == 5).all()
    with network.running() as twin:
        assert twin is not module
        assert twin.weight.data_ptr() == module.weight.data_ptr()


def test_a_backward_pass_on_the_twin_leaves_gradients_alone_and_survives_an_optimiser_step():
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    module[0].weight.grad = torch.ones(3, 3)
    network = Network(module)
    x = torch.randn(2, 3, requires_grad=True)
    with network.running() as twin:
        score = twin(x).sum()
        with torch.no_grad():
            for p in module.parameters():
                p.mul_(1.0)  # an optimiser step in the user's thread: the version counter moves
        score.backward()
    assert torch.equal(module[0].weight.grad, torch.ones(3, 3))
    assert module[2].weight.grad is None
    assert x.grad.abs().sum() > 0


def test_what_forward_leaves_behind_stays_on_the_twin_and_does_not_pile_up():
    module = Counts()
    before = everything(module)
    network = Network(module)
    x = np.zeros((40, 2), np.float32)
    first = capture(network, x, ["output"], batch_size=10)["output"]
    again = capture(network, x, ["output"], batch_size=10)["output"]
    assert everything(module) == before
    assert (module.calls, module.log, module.hidden) == (0, [], None)
    # each batch starts as the user's module stands: counters 1, 1, 1 and one entry in the log
    np.testing.assert_allclose(first, np.tile(module.fc.bias.detach().numpy() + 4, (40, 1)), atol=1e-6)
    assert np.array_equal(first, again)
    assert network._shadow._twin.hidden is None


def test_settings_tensors_and_replaced_parts_are_seen():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2, bias=False)
            self.scale, self.shift, self.act = 1.0, torch.zeros(2), torch.abs

        def forward(self, x):
            return self.act(self.fc(x)) * self.scale + self.shift

    module = Scaled()
    network = Network(module)
    x = np.ones((3, 2), np.float32)

    def now() -> float:
        return float(capture(network, x, ["output"])["output"][0, 0])

    with torch.no_grad():
        module.fc.weight.fill_(1.0)
    assert now() == 2
    module.scale = 3.0
    assert now() == 6
    module.shift.add_(1)
    assert now() == 7
    module.shift = torch.full((2,), 5.0)
    assert now() == 11
    module.act = torch.neg
    assert now() == -1
    module.fc = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        module.fc.weight.fill_(10.0)
    assert now() == -55
    module.fc.register_forward_hook(lambda m, i, o: o * 0)
    assert now() == 5


def test_hooks_that_change_the_output_are_run_and_keep_their_order():
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    network = Network(module)
    x = np.ones((4, 2), np.float32)
    plain = capture(network, x, ["0"])["0"]
    first = module[0].register_forward_hook(lambda m, i, o: o + 1)
    second = module[0].register_forward_hook(lambda m, i, o: o * 2)
    np.testing.assert_allclose(capture(network, x, ["0"])["0"], (plain + 1) * 2, atol=1e-6)
    first.remove()
    np.testing.assert_allclose(capture(network, x, ["0"])["0"], plain * 2, atol=1e-6)
    second.remove()
    module[0].register_forward_pre_hook(lambda m, i: (i[0] * 0,))
    bias = module[0].bias.detach().numpy()
    np.testing.assert_allclose(capture(network, x, ["0"])["0"], np.tile(bias, (4, 1)), atol=1e-6)


def test_a_hook_that_is_a_method_of_the_model_runs_on_the_twin():
    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.seen = []
            self.fc.register_forward_hook(self.note)

        def note(self, module, inputs, output):
            self.seen.append(module)

        def forward(self, x):
            return self.fc(x) + len(self.seen)

    module = Watching()
    out = capture(module, np.zeros((2, 2), np.float32), ["output"])["output"]
    np.testing.assert_allclose(out, np.tile(module.fc.bias.detach().numpy() + 1, (2, 1)), atol=1e-6)
    assert module.seen == []


def test_a_recorder_with_activations_that_carry_gradients_does_not_spoil_the_copy():
    class Recorder:
        def __call__(self, module, inputs, output):
            self.output = output  # not detached: cannot be deep-copied

    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    module[0].register_forward_hook(Recorder())
    module(torch.ones(1, 2))
    network = Network(module)
    network.layers(np.ones((1, 2), np.float32))
    assert network.notes == ()


def test_hidden_states_that_carry_gradients_can_be_copied():
    class Stateful(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.state = nn.LSTM(2, 3, batch_first=True), None

        def forward(self, x):
            fits = self.state is not None and self.state[0].shape[1] == len(x)
            out, self.state = self.rnn(x, self.state if fits else None)
            return out[:, -1]

    module = Stateful()
    module(torch.ones(4, 5, 2))
    state = module.state
    network = Network(module)
    out = capture(network, np.ones((3, 5, 2), np.float32), ["output"])["output"]
    assert network.notes == ()
    assert module.state is state
    np.testing.assert_allclose(out, module.rnn(torch.ones(3, 5, 2))[0][:, -1].detach(), atol=1e-6)


def test_many_structure_changes_from_another_thread():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network = Network(module)
    stop = threading.Event()

    def meddle() -> None:
        i = 0
        while not stop.is_set():
            i += 1
            setattr(module[0], f"note_{i % 50}", i)
            module[1].register_forward_hook(lambda m, i, o: None).remove()
            if i % 50 == 0:
                for k in range(50):
                    module[0].__dict__.pop(f"note_{k}", None)
                time.sleep(0)

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        for _ in range(40):
            capture(network, np.zeros((2, 2), np.float32), ["output"])
            assert network.notes == ()
    finally:
        stop.set()
        thread.join(10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_inputs_follow_the_module_to_the_device_and_results_come_back():
    module = conv_net()
    network = Network(module)
    on_cpu = capture(network, images(), ["output"])["output"]
    module.cuda()
    on_gpu = capture(network, images(), ["output"])["output"]
    assert network.device.type == "cuda"
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-2)
