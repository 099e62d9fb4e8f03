// Written by `python -m export vendor`; see export/artifact/listing.py.
self.VERSION = '7e1bb602beb0';
self.FILES = {
  "app.js": {
    "bytes": 12141,
    "sha256": "5bba8853832d7cd8ec259143beba1d13e5ab80aa13aa222c760fd357f772c3b4"
  },
  "avif.js": {
    "bytes": 4088,
    "sha256": "90352a1e1628c58eed52e0a4d64b5a5a491c9c9fb9bc02aa3c3b7a3b6970bc9b"
  },
  "backends.js": {
    "bytes": 6876,
    "sha256": "52fbba0e2ba2771f405d4372baf6a5c9ea3f8f26239b0c0209eaa72282e19370"
  },
  "bytes.js": {
    "bytes": 3376,
    "sha256": "55f6cfc23f3112b5b34c57273f4ec8d016afa5b50e728e37b9478a086ac51a9c"
  },
  "camera.js": {
    "bytes": 2261,
    "sha256": "6b0ddc8e0aecb723587891d41c9e6c4b44882b08bf2b0e4821a598af84ee1772"
  },
  "card.js": {
    "bytes": 1518,
    "sha256": "a547bacaf93d223e254e93a527b0d41e05cc20928315e532428b91cd8adf7c6d"
  },
  "cards.js": {
    "bytes": 8341,
    "sha256": "e3002f05c14bc8f7683e7775cca232276944747495b5bc0737be5b9c647ffed6"
  },
  "chain.js": {
    "bytes": 7124,
    "sha256": "95d93c88be49735d8c5154bb9e55cc5cd16f810bbf43ffcbfc5e55333f40fd16"
  },
  "checked.js": {
    "bytes": 2633,
    "sha256": "a8b5d31a589baa875490866b77a7d9679282c65e7ff95be7d7812638093272f2"
  },
  "concat.js": {
    "bytes": 1529,
    "sha256": "92b26927c6655271ee938880f619376f7bb0f9ef4fd32180c7a3dff90cd3855c"
  },
  "detector.js": {
    "bytes": 9703,
    "sha256": "73b90d2d14c933b59b633598128dee4ff498ae0ce196b0b1d7cd50aaf5c4f97b"
  },
  "elements.js": {
    "bytes": 798,
    "sha256": "2d71b1ca20eb69c21575b124b9fa5b16cc292b7c6ef9e0848d8e69579e87b4fa"
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
  "examples/fake.jpg": {
    "bytes": 53043,
    "sha256": "63e288f5dbddabd89aa5de5ef75db61941df96ef1b885e50bf7bd9eab8158865",
    "later": true
  },
  "examples/group.jpg": {
    "bytes": 59179,
    "sha256": "f98185916fc5a167d00a424b686183e0da457054803ef0c47a1947168ae0ecb6",
    "later": true
  },
  "faces.js": {
    "bytes": 25411,
    "sha256": "42f6d230fa2646f5f5a613d3a04e1c445f80c15e963ae9539a2cb7532994c038"
  },
  "gif.js": {
    "bytes": 4290,
    "sha256": "9ac578e90de0c3b0e53ee34ec1e6c28cecb3a155367c69a83d4f07df1cc29e55"
  },
  "icodec.js": {
    "bytes": 1927,
    "sha256": "e96620b432f6b7179a6994732ca73cf632704e7bcbdb3646d86cd32b3f398c19"
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
    "bytes": 6327,
    "sha256": "94b95e5325ccbe635179ca7c52e83d079f8e4820f9ae880a2ea8bd53b5bb6668"
  },
  "index.html": {
    "bytes": 6389,
    "sha256": "9a77507ef92ee7127cd477f594f5c591b5bc19f690e711e29253adb4390572cb"
  },
  "manifest.webmanifest": {
    "bytes": 860,
    "sha256": "e91944812e7b4fcfd94ed7a39119bf88c0bd79a27b7a4cb5064e002ff339e6d3"
  },
  "model.js": {
    "bytes": 4043,
    "sha256": "542758ca5f599cc7935d540c5c3308f977e291bf4b63e893c55a563ffb516814"
  },
  "models/residual/detector.json": {
    "bytes": 65176,
    "sha256": "b3bac94f9a954ec15fe99eff30585f1fa9335e66aa39b795caa9cedcd8417c22"
  },
  "models/residual/group1-shard1of1.bin": {
    "bytes": 1041692,
    "sha256": "05c4a3588565032e19620c4aef225ca5a688b4ea6277309a98678fbcbae72490"
  },
  "models/residual/model.json": {
    "bytes": 50456,
    "sha256": "89c5a559a9615024b0e601a7fe7dfa81403863733acc5f4ee756256ad7052971"
  },
  "models/xception_tuned/detector.json": {
    "bytes": 63256,
    "sha256": "2b4d2102600f43b6d1149f5da4659a5075c3820cbd4d347270c532ffaa4ad9f9",
    "later": true
  },
  "models/xception_tuned/group1-shard1of2.bin": {
    "bytes": 4194304,
    "sha256": "aa5bc8dd144ee32a98de67260261e00f413460ea96fe446b7ef26ee482debf31",
    "later": true
  },
  "models/xception_tuned/group1-shard2of2.bin": {
    "bytes": 2115196,
    "sha256": "f42909f603498bb3f0f5fbf3aec2e7ad19c9dfe4b151563aa81f1bb5356b3ae7",
    "later": true
  },
  "models/xception_tuned/model.json": {
    "bytes": 85786,
    "sha256": "cbdbbf93cc01afac417ec0662c40ed308c94c2a6227e91dad5e35080e0fc739d",
    "later": true
  },
  "models.json": {
    "bytes": 237,
    "sha256": "00bdccaa365dd17be10d81f0b28d93b0fbf7df1461c6a7e2f3d6bc0d9121492a"
  },
  "offline.js": {
    "bytes": 2722,
    "sha256": "d12cab6eda10b4436b66ed3b25eb1267c52ea3d64bc5f6bf15da320d3ec0410b"
  },
  "photo.js": {
    "bytes": 15393,
    "sha256": "41a5ea62e80d28d66ccef376c632a330e449d2844a69982523f7285cae607722"
  },
  "png.js": {
    "bytes": 8524,
    "sha256": "b41887d5ae42c6deb7a66a9d3ec43de27acccde451e4da38a2138d8fbf767a48"
  },
  "style.css": {
    "bytes": 6496,
    "sha256": "32446ea61979621507e016fa5a05d2d8f6546bc09fb561d922054fdf2d3550d1"
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
    "sha256": "e6f2650da5cb329e7e87badef58d7fe0ccd9c5dbf3e316f626803a6f7fd357d3"
  },
  "vendor/faces.json": {
    "bytes": 1267,
    "sha256": "72d3817c30132ca727bbb40470ccb762bc1441ff140b336493e0ba4468d5875b"
  },
  "vendor/fflate/index.js": {
    "bytes": 33044,
    "sha256": "462ef8041fc970e3615a20a9dd2b2e3047a073b2da729ef4f02b634bba8b7b83"
  },
  "vendor/fflate/packages.json": {
    "bytes": 124,
    "sha256": "4f7fd90542e8e2a97156c563e603a1b25291940b30aaed9a0c56ac9ce4631c98"
  },
  "vendor/icodec/LICENSE": {
    "bytes": 1051,
    "sha256": "82caa1908f92456c29f3f757374bf5020e17c82ed9495c7969c7f3a651b6493b"
  },
  "vendor/icodec/avif-dec.js": {
    "bytes": 33884,
    "sha256": "6a14da87e80d287a42c9b55a52f6b1bada6a9629b35bdf14b7cd4e5404425173"
  },
  "vendor/icodec/avif-dec.wasm": {
    "bytes": 1466925,
    "sha256": "3c2f7bd5e0643525cf8e266f60b0c37c3e69d38801ac79627021d1e1c98f6f50"
  },
  "vendor/icodec/packages.json": {
    "bytes": 690,
    "sha256": "fc013ca9573414087bd6053e3321cc5c006a32fca6157e0894f85b29adbaffad"
  },
  "vendor/icodec/webp-dec.js": {
    "bytes": 30288,
    "sha256": "a21751626afbd00ac4c5bff23a705065132cb1439a6b457d827f8d73e14fa7e9"
  },
  "vendor/icodec/webp-dec.wasm": {
    "bytes": 306852,
    "sha256": "985b61c011d005ecc96355ecf9c489095c4aa9476eef6c3d1313f9e912cc0b85"
  },
  "vendor/packages.json": {
    "bytes": 944,
    "sha256": "f9e74e80b0c1de69bd3adbe94cacede8f0cb9d93660970fb8d4dbed7c6e22b85"
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
  "webp-alpha.js": {
    "bytes": 316,
    "sha256": "f5a0e816bd9e2c9f305c7a54fd2aa60fe889b2be960c587b683fff9f6709f004"
  },
  "worker.js": {
    "bytes": 4596,
    "sha256": "81b173bcf2ced11938a57a5affed157fca01251c65593c4417ff21cbfca3d23b"
  },
  "zips.js": {
    "bytes": 445,
    "sha256": "1370bff301974dab28e67e85ee6c3324b0aee3276ed8895ecf74e129a5c4b5da"
  }
};
