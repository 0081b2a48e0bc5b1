exports.f = function (value) {
  return value +;
};
