// Copied from space/zips.json by `python -m export vendor`; edit the original.
export default {
  "picture": "\\.(jpe?g|jfif|png|webp|gif|avif|heic|heif|bmp|tiff?)$",
  "hidden": "(^|/)(\\.|__MACOSX/)",
  "odd": "The zip is damaged, cut off, encrypted or packed in a rare way; pack the pictures again, without a password.",
  "none": "There is no picture in this zip.",
  "left_out": "Files left out because they are not pictures: {count}."
};
