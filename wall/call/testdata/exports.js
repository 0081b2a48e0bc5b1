module.exports = (value) => value * 2;
module.exports.thrice = (value) => value * 3;
