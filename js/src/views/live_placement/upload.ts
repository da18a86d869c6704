// Pictures from files, the clipboard or another window. The kernel fits them to the sheet.

const LARGEST = 512; // longer side of what is sent, pixels

export interface Uploaded {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** The first picture among what was dropped, pasted or chosen. */
export function pictureIn(data: DataTransfer | null | undefined): File | null {
  const files = [...(data?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? null;
}

/** The size of a picture whose longer side is at most `largest`. */
export function shrunk(width: number, height: number, largest = LARGEST): [width: number, height: number] {
  const scale = Math.min(1, largest / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** Rejects for what the browser cannot read as a picture. */
export async function readPicture(file: Blob): Promise<Uploaded> {
  const bitmap = await createImageBitmap(file);
  const [width, height] = shrunk(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const g = canvas.getContext("2d", { willReadFrequently: true });
  if (!g) throw new Error("no canvas");
  g.fillStyle = "#fff"; // transparent parts are shown on white
  g.fillRect(0, 0, width, height);
  g.imageSmoothingQuality = "high";
  g.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = g.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) rgb.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
  return { width, height, rgb };
}
