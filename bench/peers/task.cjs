// The task of every pool of Node in the benchmark.
exports.inc = (text) => Number(text) + 1;
