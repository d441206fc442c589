// Packs the built assets once, as small as they get, so that the server need not for each request.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const ASSETS = fileURLToPath(new URL("../backend/page/assets/", import.meta.url));

for (const name of readdirSync(ASSETS)) {
  if (!/\.(js|css|svg|json|wasm)$/.test(name)) continue;
  const plain = readFileSync(join(ASSETS, name));
  const packed = {
    br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
    gz: gzipSync(plain, { level: 9 }),
  };
  for (const [ending, bytes] of Object.entries(packed)) {
    if (bytes.length < plain.length) writeFileSync(join(ASSETS, `${name}.${ending}`), bytes);
  }
}
