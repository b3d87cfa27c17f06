// Bundles the page into graphlab/web/static: one entry, a piece for every view, licences beside it.
// node build.mjs [FOLDER]
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, "..", "static"));
const out = join(folder, "assets");
process.chdir(here);

rmSync(folder, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await build({
  entryPoints: { page: "src/main.ts" },
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  metafile: true,
  legalComments: "none", // all licences stand in licences.txt
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  logLevel: "warning",
});
copyFileSync("icon.svg", join(folder, "icon.svg"));

// The names of assets change with their content, so that browsers may keep them for ever; the first file says the names.
const made = Object.keys(metafile.outputs).map((path) => basename(path));
const one = (pattern) => {
  const found = made.filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`wanted one file like ${pattern}, found ${found}`);
  return `/assets/${found[0]}`;
};
const index = readFileSync("index.html", "utf8")
  .replace("/assets/page.css", one(/^page-.*\.css$/))
  .replace("/assets/page.js", one(/^page-.*\.js$/));
writeFileSync(join(folder, "index.html"), index);

/** Folders of the packages that are in the bundle. */
const packages = new Set();
for (const input of Object.keys(metafile.inputs)) {
  const found = /^(?:\.\.\/)*(node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(input);
  if (found) packages.add(found[1]);
}
const texts = ["The page holds these packages, each under its own licence."];
for (const home of [...packages].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  const file = readdirSync(home).find((file) => /^licen[cs]e/i.test(file));
  if (!license && !file) throw new Error(`${name} ${version} says no licence`);
  texts.push(`${"=".repeat(80)}\n${name} ${version} (${license})\n`);
  texts.push(file ? readFileSync(join(home, file), "utf8").trim() : "No file of the licence comes with the package.");
}
writeFileSync(join(folder, "licences.txt"), texts.join("\n\n") + "\n");
