// Prints the next number of each line, in their order, by two processes of
// jest-worker, which is given 64 calls at a time.
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('jest-worker');

(async () => {
  const lines = fs.readFileSync(0, 'utf8').trimEnd().split('\n');
  const pool = new Worker(path.join(__dirname, 'task.cjs'), {
    numWorkers: 2, enableWorkerThreads: false, exposedMethods: ['inc'],
  });
  const answers = new Array(lines.length);
  let next = 0;
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (let i = next++; i < lines.length; i = next++) answers[i] = await pool.inc(lines[i]);
  }));
  process.stdout.write(answers.join('\n') + '\n');
  await pool.end();
})();
