// The picture as a file: what is drawn in the stage, on the page's colour. Legends and texts are not in it.
import { pack, type Rgb, toCss } from "./colours";

/** Canvases of `stage` that show something, in the order in which they lie over each other. */
function drawnCanvases(stage: HTMLElement): HTMLCanvasElement[] {
  return [...stage.querySelectorAll("canvas")].filter(
    (canvas) => canvas.width > 0 && canvas.height > 0 && canvas.getClientRects().length > 0,
  );
}

/** All canvases of `stage` in one, as large as the sharpest of them asks for. */
function composed(stage: HTMLElement, background: Rgb): HTMLCanvasElement {
  const canvases = drawnCanvases(stage);
  const boxes = canvases.map((canvas) => canvas.getBoundingClientRect());
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const width = Math.max(...boxes.map((box) => box.right)) - left;
  const height = Math.max(...boxes.map((box) => box.bottom)) - top;
  const scale = Math.max(1, ...canvases.map((canvas, i) => canvas.width / boxes[i].width));
  const picture = document.createElement("canvas");
  picture.width = Math.round(width * scale);
  picture.height = Math.round(height * scale);
  const g = picture.getContext("2d")!;
  g.fillStyle = toCss(pack(background));
  g.fillRect(0, 0, picture.width, picture.height);
  canvases.forEach((canvas, i) => {
    const box = boxes[i];
    g.imageSmoothingEnabled = getComputedStyle(canvas).imageRendering !== "pixelated";
    g.drawImage(
      canvas,
      (box.left - left) * scale,
      (box.top - top) * scale,
      box.width * scale,
      box.height * scale,
    );
  });
  return picture;
}

/** Download the picture as a PNG called `name`. */
export function savePicture(stage: HTMLElement, background: Rgb, name: string): void {
  if (drawnCanvases(stage).length === 0) return;
  composed(stage, background).toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}
