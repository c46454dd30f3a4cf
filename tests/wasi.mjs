// node tests/wasi.mjs PROGRAM.wasm ARGUMENT...: runs a WebAssembly program with this folder as its own
import { readFile } from 'node:fs/promises'
import { WASI } from 'node:wasi'
const wasi = new WASI({ version: 'preview1', args: process.argv.slice(2), env: process.env, preopens: { '.': '.' } })
const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { wasi_snapshot_preview1: wasi.wasiImport })
process.exitCode = wasi.start(instance)
