// SPDX-License-Identifier: LGPL-2.1-or-later
// peer_onnxruntime.js NETWORK.onnx WIDTH HEIGHT THREADS IN OUT: ONNX Runtime on raw floats; see peer.py.
const fs = require('fs');
const readline = require('readline');
const ort = require('onnxruntime-node');

const [path, width, height, threads, source, target] = process.argv.slice(2);

async function main() {
    const session = await ort.InferenceSession.create(path, {
        executionProviders: ['cpu'], intraOpNumThreads: +threads, interOpNumThreads: 1,
        graphOptimizationLevel: 'all', executionMode: 'sequential',
    });
    const bytes = fs.readFileSync(source);
    const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', data, [1, 3, +height, +width]) };
    const run = async () => (await session.run(feeds))[session.outputNames[0]].data;
    const result = await run();
    fs.writeFileSync(target, Buffer.from(result.buffer, result.byteOffset, result.byteLength));
    console.log('ready');
    for await (const _ of readline.createInterface({ input: process.stdin })) {
        const start = process.hrtime.bigint();
        await run();
        console.log((Number(process.hrtime.bigint() - start) * 1e-9).toFixed(6));
    }
}

main().catch((error) => { console.error(String(error)); process.exit(1); });
