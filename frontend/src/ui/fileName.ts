/** A label as a file name: `Alignment over training` becomes `alignment-over-training`. */
export function fileName(label: string): string {
  const plain = label.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return plain.replace(/^-+|-+$/g, "") || "figure";
}
