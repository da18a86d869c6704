// What the model saw at one position of the window, and what it said.
import { useLayoutEffect, useRef } from "preact/hooks";
import { ShareBars } from "../../parts/bars";

export interface PeekProps {
  size: [height: number, width: number];
  rgb: Uint8Array;
  classes: { name: string; before: number; after: number }[];
}

export function Peek({ peek, hint }: { peek: PeekProps | null; hint: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (!peek || !canvas.current) return;
    const [height, width] = peek.size;
    canvas.current.width = width;
    canvas.current.height = height;
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      image.data.set(peek.rgb.subarray(3 * i, 3 * i + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    }
    canvas.current.getContext("2d")!.putImageData(image, 0, 0);
  }, [peek]);
  return (
    <div class="nbviz-painter-peek">
      {peek ? (
        <>
          <canvas ref={canvas} role="img" aria-label="The picture with the window at this position" />
          <ShareBars label="Class probabilities at this position" bars={peek.classes} />
        </>
      ) : (
        <span class="nbviz-side-title">{hint}</span>
      )}
    </div>
  );
}
