// Written by `python -m export vendor`; see export/listing.py.
self.VERSION = '5ecd9e0d800e';
self.FILES = {
  "app.js": {
    "bytes": 11620,
    "sha256": "e3bfecf8d3e13917e2e1da7b67dae60c817b5fc588a36ccf8a5a42fee067d121"
  },
  "backends.js": {
    "bytes": 6436,
    "sha256": "e0a947e4b894bfa77128a0d5abd71b9bbb1e3e5857af3de5737fdedb46e0c879"
  },
  "camera.js": {
    "bytes": 2212,
    "sha256": "4ef9e3dbbdee9a35a96b4562edfb393ed0270034d4fbbdf8a9bb1105d73a5603"
  },
  "card.js": {
    "bytes": 1518,
    "sha256": "a547bacaf93d223e254e93a527b0d41e05cc20928315e532428b91cd8adf7c6d"
  },
  "cards.js": {
    "bytes": 8065,
    "sha256": "3da328dbbf83166e30516d518f97d2ae68ae7c72320581461d2c9502134e61d1"
  },
  "chain.js": {
    "bytes": 2899,
    "sha256": "4f1bc191a4fea8f3252070fff46be665defc10fd772a7bcbd41b434218cde246"
  },
  "checked.js": {
    "bytes": 2391,
    "sha256": "2353d1ac411bb9108d77e9e5aec9bd6db2d398bef1536a1de80de7928693cbb6"
  },
  "concat.js": {
    "bytes": 1529,
    "sha256": "92b26927c6655271ee938880f619376f7bb0f9ef4fd32180c7a3dff90cd3855c"
  },
  "detector.js": {
    "bytes": 8562,
    "sha256": "24388fbd5d10658f3a5a0891f5ab288bd59c36473dd0407cc64a76681256a40c"
  },
  "examples/astronaut-face.jpg": {
    "bytes": 13633,
    "sha256": "5104639eb999ec72e3dc637b0df445c5f322e65defcd222f4cb1e951c85bc50d",
    "later": true
  },
  "examples/astronaut.jpg": {
    "bytes": 45960,
    "sha256": "9c3e75527e61ffeff7ff7adba2178133a4bd576195adaf79891b04db85d2236d",
    "later": true
  },
  "examples/drawing.jpg": {
    "bytes": 10609,
    "sha256": "8a0be2d790eeaa9cba14d4e09d197f05e048734f56992bcbcda10542836e9cdf",
    "later": true
  },
  "faces.js": {
    "bytes": 13942,
    "sha256": "76fbeb3d3ebed2986e6f9c24c2c5825e7946315bdb3d9a528aec15232a798ca0"
  },
  "icon.svg": {
    "bytes": 427,
    "sha256": "9448b968950e647224aff0c61eec73e9e6668ebc3e09db9874cf58cda1168e13"
  },
  "icons/192.png": {
    "bytes": 5524,
    "sha256": "9e48eec1ff4c7dcf5dc9382648bc105e7086ad8e64687e601c07040b7805b7d9"
  },
  "icons/512.png": {
    "bytes": 15440,
    "sha256": "0a172cf199b8e9b6f11e90b2b6560bc74d669541eba2be71cde3ad697b3b750f"
  },
  "icons/maskable.png": {
    "bytes": 10310,
    "sha256": "c304088851aea6b6b5ced1c720aaaeb5118cf4b39391062f185882e0ae6f6bee"
  },
  "incoming.js": {
    "bytes": 4936,
    "sha256": "5441f43885291dbec87bd3e2bd382bf21a4faa7f672f4b8117c11e41d26ab994"
  },
  "index.html": {
    "bytes": 6214,
    "sha256": "377717d6a1e222d528ed5766ae1485fa5940dd04b4bba6f7a96eb4821fdc3c4b"
  },
  "manifest.webmanifest": {
    "bytes": 833,
    "sha256": "6adb2869ac1ed99728a16c2ffb8e5873ca38f41b84f2ea6a6a189eca866df7f0"
  },
  "model.js": {
    "bytes": 3974,
    "sha256": "f09db5937a9e52d643bba7a79e8cc79beb93c27d65b86c7bbdea761226647d40"
  },
  "models/custom/detector.json": {
    "bytes": 35703,
    "sha256": "93e4686bf4b77709906a3b9fd9ea07a75c05e2df1b2f62d09a91576cdfe4cc08",
    "later": true
  },
  "models/custom/group1-shard1of3.bin": {
    "bytes": 4194304,
    "sha256": "8dab6b0c319254416932c56dec132ae0189f1255f8d68ffc62fa3921a1d42bb3",
    "later": true
  },
  "models/custom/group1-shard2of3.bin": {
    "bytes": 4194304,
    "sha256": "9c9ad9fe90c3f8bfec77de0896c60ba770f7cd386d149e759fd8b8e981680069",
    "later": true
  },
  "models/custom/group1-shard3of3.bin": {
    "bytes": 2801652,
    "sha256": "18c9468103549e75d64371d37417a8f40eb62add23b05a900591ab8b1f00bb31",
    "later": true
  },
  "models/custom/model.json": {
    "bytes": 37759,
    "sha256": "fd03e107c4b1ec5e45f37c352db1912e95762389799b1b516781734538a2aea1",
    "later": true
  },
  "models/residual/detector.json": {
    "bytes": 29550,
    "sha256": "cc35fb9c0f353490560809a3450057e26a699f1379a7ab936ac69cbfae1b33d0",
    "later": true
  },
  "models/residual/group1-shard1of1.bin": {
    "bytes": 1041692,
    "sha256": "1295f378f2e9892addb5d8c8a87a3e7a2539be91189c90f0e04ee21b03fdcb98",
    "later": true
  },
  "models/residual/model.json": {
    "bytes": 47638,
    "sha256": "224d6c8dfc067b03e1297753ca36a623bff67e7e2c45c43c0e011b2124a41ce3",
    "later": true
  },
  "models/xception_tuned/detector.json": {
    "bytes": 26952,
    "sha256": "c36359d584a801a38129a8651d841e3fc8e37edb310e029ba9d0b6d12537919f"
  },
  "models/xception_tuned/group1-shard1of2.bin": {
    "bytes": 4194304,
    "sha256": "b9673d2bd9367ff1665b4f2ffe652f335116fd51d44b287cb96f6639591ded15"
  },
  "models/xception_tuned/group1-shard2of2.bin": {
    "bytes": 2115196,
    "sha256": "f1ca40026aa649e417109f56e3800bbdf2bb79a2cf53a4e624784758bf41d716"
  },
  "models/xception_tuned/model.json": {
    "bytes": 79465,
    "sha256": "c02a05ca51d2372a073e529e0b8d72c3b5a188873dfd2135976ece253bbb9d25"
  },
  "models.json": {
    "bytes": 340,
    "sha256": "223827421b1259cba1c646c974af5152773936543b9aed655df9bfdbf1108a0e"
  },
  "offline.js": {
    "bytes": 2734,
    "sha256": "a82b8ea37814f90ede9180083f51fe1d3c3f9eec1ab0c5ff0f5f3f25343921c2"
  },
  "photo.js": {
    "bytes": 8087,
    "sha256": "5d5015cbffb3a1eeccc17ca879ce3acf4f0b2a61f963def2c5a6741a9cc76875"
  },
  "png.js": {
    "bytes": 2840,
    "sha256": "8edb1a4ff328e899c91eec43b4d4d0c0f6dcc5ddc60082e52f61ff86e382f5d9"
  },
  "style.css": {
    "bytes": 6355,
    "sha256": "2657e7c1d1ff56f6f9e8816cee98809a7e7d5998d6da5d5522b3982a583fb6e6"
  },
  "tf.js": {
    "bytes": 286,
    "sha256": "2111c4ba61173e4933f32c4f5a4b4ee2b41b60522e2fd89e233d57fdf3b1171c"
  },
  "vendor/blazeface/group1-shard1of1.bin": {
    "bytes": 201236,
    "sha256": "3b504643d9366322c94674fd3a38357ab32632f1f194c21af1f8102089febb76"
  },
  "vendor/blazeface/model.json": {
    "bytes": 56010,
    "sha256": "f9849197d93df48ebbb050b4b89fef8c2f4398499ace29a31ac7d56e8bf94c2c"
  },
  "vendor/face-check.json": {
    "bytes": 290,
    "sha256": "c37271e67284be5b062bb1418c1a6cec26405e6110e387740c5f1c45b3416777"
  },
  "vendor/faces.json": {
    "bytes": 896,
    "sha256": "d6a428cc55148b8f319acd3d8a4f54f227bdcc4b988844b2154f05479858daee"
  },
  "vendor/fflate/index.js": {
    "bytes": 33044,
    "sha256": "462ef8041fc970e3615a20a9dd2b2e3047a073b2da729ef4f02b634bba8b7b83"
  },
  "vendor/fflate/packages.json": {
    "bytes": 124,
    "sha256": "4f7fd90542e8e2a97156c563e603a1b25291940b30aaed9a0c56ac9ce4631c98"
  },
  "vendor/packages.json": {
    "bytes": 944,
    "sha256": "f9e74e80b0c1de69bd3adbe94cacede8f0cb9d93660970fb8d4dbed7c6e22b85"
  },
  "vendor/pngjs/browser.js": {
    "bytes": 572711,
    "sha256": "e21b88288e3df098f476bb3c4d1e8900d3780572e1802c8e301e38674d527f51"
  },
  "vendor/pngjs/packages.json": {
    "bytes": 120,
    "sha256": "9160c44a40192521d7c4fde1dee64603a073ee7873fcad23f210da7a5f9e83b9"
  },
  "vendor/tf-backend-wasm.es2017.min.js": {
    "bytes": 144402,
    "sha256": "bdd8c3c1fb0b37601bc2a122efa20b8d78e2936d104b03a44591be4188c63f65"
  },
  "vendor/tf-backend-webgl.es2017.min.js": {
    "bytes": 370446,
    "sha256": "083d15b0b29957c27ef44f521932c5e13f8fc25980006504c6942b66a782cbdd",
    "later": true
  },
  "vendor/tf-backend-webgpu.es2017.min.js": {
    "bytes": 318616,
    "sha256": "f4de0036e818d060e49e52208a1273eca67e5d159471af38d3755b7111b42c4e",
    "later": true
  },
  "vendor/tf-converter.es2017.min.js": {
    "bytes": 286781,
    "sha256": "42a8166c840173bae6180e8ab715a4c811f0371de1b81f28977fd4a7d2c39adf"
  },
  "vendor/tf-core.es2017.min.js": {
    "bytes": 255317,
    "sha256": "c55367325aa628ed685164d5c4210892e31c6d2d0e8c163a827b15ad330d1eba"
  },
  "vendor/tfjs-backend-wasm-simd.wasm": {
    "bytes": 424594,
    "sha256": "77ebb28a6d34f371dbbf2086b7f2de8994acd8ea5a3cf1fa24d2c26c840cac7b"
  },
  "vendor/tfjs-backend-wasm.wasm": {
    "bytes": 311123,
    "sha256": "70a5d516060464e5269f01c74bac1772d6b8ab6cb612acf16b5cdaf61f78d892",
    "later": true
  },
  "worker.js": {
    "bytes": 4512,
    "sha256": "e7b28d2fde44c79ef9867b233568d321df57c679f59a96d888366ec2d1678b5b"
  }
};
