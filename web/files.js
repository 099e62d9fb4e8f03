// Written by `python -m export vendor`; see export/listing.py.
self.VERSION = '45b5fcd7c934';
self.FILES = {
  "app.js": {
    "bytes": 7826,
    "sha256": "01c5e054d5a7f925dcf0429e13e04d58b7fb44eab43c21e1fca56f1000032b9f"
  },
  "backends.js": {
    "bytes": 3531,
    "sha256": "8d22576a364882b74d2ecff00f2b7dbfb5121e6d8ccd57193125866cf5f50ed5"
  },
  "camera.js": {
    "bytes": 1546,
    "sha256": "a9222ad353101c78267cb7e48c0ca384ef34b985918b17b8900b7f424f98b733"
  },
  "cards.js": {
    "bytes": 3960,
    "sha256": "d80872372fe54f01e8ef0af5fa41216c476206981093d908551b045ce8f865cb"
  },
  "checked.js": {
    "bytes": 2223,
    "sha256": "89105da3a889319988db60129814c76aa0092d97a110b5fc9f20dbf47791ef26"
  },
  "detector.js": {
    "bytes": 3760,
    "sha256": "2bc7778de13371a4c47ea50690df7a69c9760f4f8a2e9da59194d8642e29edf3"
  },
  "faces.js": {
    "bytes": 13726,
    "sha256": "ac1ddf6e55276493eebd3376285b6b702c1831e6e76b8c87e90de9fbd1abb7a2"
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
  "index.html": {
    "bytes": 4562,
    "sha256": "61221fb7102a76e57418473a3d67dc71b6123eb899afe5aa1225ccd8ce74d6c9"
  },
  "manifest.webmanifest": {
    "bytes": 833,
    "sha256": "6adb2869ac1ed99728a16c2ffb8e5873ca38f41b84f2ea6a6a189eca866df7f0"
  },
  "model/detector.json": {
    "bytes": 34594,
    "sha256": "628b5468e143b739054cb21276fe246ac70da657100b1fe1448247871ac530e1"
  },
  "model/group1-shard1of3.bin": {
    "bytes": 4194304,
    "sha256": "f828babdce67f9331b747088226cfdc481272fd40a7b1d349695f875748f536b"
  },
  "model/group1-shard2of3.bin": {
    "bytes": 4194304,
    "sha256": "e073eb61322da2d0cd0285578be0c80d026587380e465192a836d826c41d850b"
  },
  "model/group1-shard3of3.bin": {
    "bytes": 2780505,
    "sha256": "04950df6541b86fcf077faeb11fc28159ab8c396b3a1e49c8b5f42a6122f527b"
  },
  "model/model.json": {
    "bytes": 14172,
    "sha256": "45bef47faa4e1b19233ba07b37bce0e0223aa9b1e9b1f0c18ce8bcf09b2925a4"
  },
  "model.js": {
    "bytes": 2355,
    "sha256": "54a4b45afcc13e101b1a59a6d22a1985ee71c0cb0be21bb2cf4ec79d521232d9"
  },
  "models.json": {
    "bytes": 10,
    "sha256": "00f4c2a4e1d170187166b5033c5db6b33a6d7b3722d5e20162efef1bcc87bba7"
  },
  "offline.js": {
    "bytes": 2317,
    "sha256": "4e43d4d0b2eda478f0b7a28a82d3c224186edffdb9248897f61b8c4d1bde135f"
  },
  "photo.js": {
    "bytes": 6954,
    "sha256": "022282706e171a7c90059df1ed3728f0afed8eba036d475416e7b6646748a8bd"
  },
  "style.css": {
    "bytes": 4798,
    "sha256": "0595e3d4b3b9dea846e66354a0cee78718867773fbfca51cab10ee80371ca8e5"
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
    "sha256": "c0204906a6a54b40daf6b08f8ded0b7add831d99c01bd65c6bd4d5df390e8e7b"
  },
  "vendor/faces.json": {
    "bytes": 896,
    "sha256": "d6a428cc55148b8f319acd3d8a4f54f227bdcc4b988844b2154f05479858daee"
  },
  "vendor/packages.json": {
    "bytes": 787,
    "sha256": "7ec9e23e276b2d04d94a5bc267a44b422ccbf967f7ee23713aa3e5e72e841af4"
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
    "bytes": 3200,
    "sha256": "96dae54c9e2e4d462d5a29233c5c6c7692071319660c735222c53b3908fd6ab2"
  }
};
