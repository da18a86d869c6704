"""Photos of which the thumbnails of all are tiny: those that are looked at come sharp."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

COUNT, SIDE = 900, 128
CELL = f"""import nbviz, numpy as np, torch
from sklearn.datasets import load_sample_image
china = load_sample_image("china.jpg")
random = np.random.default_rng(0)
corners = random.integers(0, np.array(china.shape[:2]) - {SIDE}, ({COUNT}, 2))
photos = np.stack([china[y : y + {SIDE}, x : x + {SIDE}] for y, x in corners])
labels = (corners[:, 0] > 130).astype(int)
inputs = torch.tensor(photos).permute(0, 3, 1, 2) / 255
net = torch.nn.Sequential(torch.nn.AvgPool2d(16), torch.nn.Flatten(), torch.nn.Linear(192, 2))"""


def photo(row):
    china = load_sample_image("china.jpg")
    corners = np.random.default_rng(0).integers(0, np.array(china.shape[:2]) - SIDE, (COUNT, 2))
    y, x = corners[row]
    return china[y : y + SIDE, x : x + SIDE]


TILE = """async (thumb) => {
    const style = document.querySelector(thumb).style;
    const url = style.backgroundImage.match(/"(.*)"/)[1];
    const image = await createImageBitmap(await (await fetch(url)).blob());
    const zoom = image.width / parseFloat(style.backgroundSize);
    const pixels = (length) => Math.round(parseFloat(length) * zoom);
    const [x, y] = style.backgroundPosition.split(" ").map((length) => -pixels(length));
    const [width, height] = [style.width, style.height].map(pixels);
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(image, -x, -y);
    return {width, height, rgba: [...canvas.getImageData(0, 0, width, height).data]};
}"""


@pytest.mark.parametrize(
    ("make", "place"),
    [
        ("LayerExplorer(net, inputs, labels, iterations=20, selection=[5, 700])", ".nbviz-strip"),
        ("OutlierExplorer(net, inputs, labels, iterations=20, sample=5)", ".nbviz-outliers-chosen"),
    ],
    ids=["in the strip", "in the outlier explorer"],
)
def test_photos_that_are_looked_at_are_sharp(notebook, make, place):
    page = notebook([CELL, f"view = nbviz.{make}\nview"], size=(1200, 1200))
    page.page.wait_for_selector(".nbviz-root[data-status=done]", timeout=60_000)
    page.expect_kernel("0 < view.thumbnails['width'] < 24")
    thumb = page.page.locator(f"{place} .nbviz-thumb").first
    thumb.wait_for()
    is_sharp = "(thumb) => document.querySelector(thumb).style.imageRendering === 'auto'"
    page.page.wait_for_function(is_sharp, arg=f"{place} .nbviz-thumb")
    tile = page.page.evaluate(TILE, f"{place} .nbviz-thumb")
    shown = np.array(tile["rgba"]).reshape(tile["height"], tile["width"], 4)[..., :3]
    expected = Image.fromarray(photo(5)).resize((96, 96), Image.Resampling.BOX)
    assert shown.shape == (96, 96, 3)
    assert np.abs(shown - np.asarray(expected, int)).mean() < 2
