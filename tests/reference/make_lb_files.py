"""File in, embedding out: upstream's own transforms and models on real files, for tests/test_convert.c.  The models are the small checkpoints of
make_languagebind.py as they lie in tests/golden/lb_NAME; their size (24) is put in place of the 224 that upstream's transforms name.

    LANGUAGEBIND_UPSTREAM=folder-of-a-clone python tests/reference/make_lb_files.py            (from the repository root)

Writes tests/golden/lb_files/ (a depth map, a folder of frames, two sounds; photographs are those of examples/photos) and
tests/golden/lb_files.safetensors: KIND.FILE, the unit embedding.  What is random upstream is held still: the mirror is off, and a long sound's
segments begin at the first position of each third.
Wants upstream's versions: torch 1.13.1, torchvision 0.14.1, torchaudio 0.13.1, transformers 4.30.2, peft 0.4, opencv 4.7, pytorchvideo."""
import os, sys, json
from unittest.mock import MagicMock
sys.path.insert(0, os.environ["LANGUAGEBIND_UPSTREAM"])
import numpy as np, torch, torchvision, torchaudio, transformers, peft, cv2, soundfile
sys.modules["decord"] = MagicMock()
sys.modules["pytorchvideo.data"] = sys.modules["pytorchvideo.data.encoded_video"] = MagicMock()       # readers that are not used
import pytorchvideo.transforms
import languagebind as L
from languagebind.image import processing_image as PI
from languagebind.video import processing_video as PV
from languagebind.audio import processing_audio as PA
from languagebind.depth import processing_depth as PD
from languagebind.thermal import processing_thermal as PT
from safetensors.torch import save_file

torch.set_num_threads(1); np.random.choice = lambda r: r[0]
out = "tests/golden/lb_files"; os.makedirs(out + "/frames", exist_ok=True)
y, x = np.mgrid[0:37, 0:50].astype(np.float64)
cv2.imwrite(out + "/depth.png", (400 + 180 * x + 2500 * (np.sin(y / 5) + 1) + (x * y) % 7).astype(np.uint16))
for i in range(7):
    f = np.stack([127 + 120 * np.sin(x / 7 + i), 127 + 120 * np.sin(y / 5 - i / 2), 20 * i + 2 * x + y], -1)
    cv2.imwrite(out + "/frames/%02d.png" % i, f.clip(0, 255).astype(np.uint8))
t = np.arange(14000) / 22050
soundfile.write(out + "/long.wav", np.stack([0.4 * np.sin(2 * np.pi * (300 + 2500 * t) * t) + 0.02 * np.sin(9000 * t * t), 0.2 * np.sin(2 * np.pi * 90 * t) + 0.1], -1), 22050, subtype="PCM_16")
t = np.arange(4800) / 16000
soundfile.write(out + "/short.wav", 0.3 * np.sign(np.sin(2 * np.pi * 150 * t)) * (1 - t), 16000, subtype="PCM_16")
photos = ["examples/photos/cat.jpg", "examples/photos/coffee.jpg"]

def small(transform):
    for q in transform.transforms:
        if isinstance(q, torchvision.transforms.Resize): q.size = 24
        if isinstance(q, torchvision.transforms.CenterCrop): q.size = (24, 24)
        if isinstance(q, PV.ShortSideScale): q._size = 24
        if isinstance(q, PV.CenterCropVideo): q.crop_size = (24, 24)
        if isinstance(q, PV.RandomHorizontalFlipVideo): q.p = 0
    return transform

KINDS = ["image", "video", "video_ft", "video_v15_ft", "video_huge_v15_ft", "audio", "audio_ft", "depth", "thermal"]
r = {}
for name in KINDS:
    kind = name.split("_")[0]; folder = "tests/golden/lb_" + name
    config = L.config_dict[kind].from_pretrained(folder)
    config.vision_config.image_size = 24                           # the class has put [height, width] there when the checkpoint was made
    model = L.model_dict[kind](config).eval()
    if kind == "audio": model.vision_model.embeddings.position_ids = torch.arange(model.vision_model.embeddings.num_positions).expand((1, -1))
    model.load_state_dict(torch.load(folder + "/pytorch_model.bin"))
    if kind == "image": tf = small(PI.get_image_transform(config)); data = {p: PI.load_and_transform_image(p, tf) for p in photos}
    if kind == "thermal": tf = small(PT.get_thermal_transform(config)); data = {p: PT.load_and_transform_thermal(p, tf) for p in photos}
    if kind == "depth": tf = small(PD.get_depth_transform(config)); data = {out + "/depth.png": PD.load_and_transform_depth(out + "/depth.png", tf)}
    if kind == "audio": tf = PA.get_audio_transform(config); data = {p: PA.load_and_transform_audio(p, tf) for p in (out + "/long.wav", out + "/short.wav")}
    if kind == "video":                                            # decord's transform (the default), opencv's reader: it takes the frames as they are
        tf = small(PV.get_video_transform(config))
        data = {out + "/frames": PV.load_and_transform_video(out + "/frames/%02d.png", tf, video_decode_backend="opencv", num_frames=config.vision_config.num_frames)}
    for path, x in data.items():
        with torch.no_grad(): v = model.get_image_features(x[None])
        r[name + "." + os.path.basename(path)] = (v / v.norm(dim=-1, keepdim=True)).contiguous()
        print(name, path, tuple(x.shape), float(x.mean()), r[name + "." + os.path.basename(path)][0, :3].tolist())
save_file(r, out + ".safetensors", metadata={"script": "tests/reference/make_lb_files.py", "torch": torch.__version__, "torchvision": torchvision.__version__, "torchaudio": torchaudio.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "opencv": cv2.__version__})
