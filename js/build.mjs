// Bundles the front end into gradwidget/static. The first line of widget.js carries a hash of all
// that it is made from, so that the Python build can tell a fresh bundle from a stale one:
// modification times mean nothing after a clone.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const roots = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"];

/** sha256 over "<path>\0<content>\0" of every source, sorted by their paths relative to js/. */
export function sourceHash() {
  const sources = readdirSync(`${here}src`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(here.length).replaceAll("\\", "/"));
  const hash = createHash("sha256");
  for (const path of [...roots, ...sources].sort()) {
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(here + path))
      .update("\0");
  }
  return hash.digest("hex");
}

const options = {
  absWorkingDir: here,
  entryPoints: [
    { in: "src/widget.ts", out: "widget" },
    { in: "src/style/widget.css", out: "widget" },
    { in: "src/exported/page.ts", out: "exported" },
    { in: "src/style/exported.css", out: "exported" },
  ],
  outdir: "../gradwidget/static",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  banner: { js: `// gradwidget-sources ${sourceHash()}` },
};

if (process.argv.includes("--watch")) {
  const context = await esbuild.context({ ...options, minify: false, sourcemap: "inline" });
  await context.watch();
} else {
  await esbuild.build(options);
}
