// SPDX-License-Identifier: LGPL-2.1-or-later
// run_onnx.js NETWORK.onnx RANGE IN.ppm OUT.ppm: ONNX Runtime paints a picture; RANGE is the value of white.
const fs = require('fs');
const ort = require('onnxruntime-node');

const [path, range, source, target] = process.argv.slice(2);

async function main() {
    const file = fs.readFileSync(source);
    const [header, width, height] = /^P6\n(\d+) (\d+)\n255\n/.exec(file.toString('latin1', 0, 30));
    const plane = width * height, pixels = file.subarray(header.length);
    const x = new Float32Array(3 * plane);
    for (let i = 0; i < 3 * plane; i++) x[i % 3 * plane + Math.floor(i / 3)] = pixels[i] / 255 * range;
    const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1 });
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', x, [1, 3, +height, +width]) };
    const y = (await session.run(feeds))[session.outputNames[0]].data;
    const painted = Buffer.alloc(3 * plane);
    for (let i = 0; i < 3 * plane; i++) {
        const value = y[i % 3 * plane + Math.floor(i / 3)] / range * 255;
        painted[i] = Math.round(Math.min(Math.max(value, 0), 255));
    }
    fs.writeFileSync(target, Buffer.concat([Buffer.from(header), painted]));
}

main().catch((error) => { console.error(String(error)); process.exit(1); });
