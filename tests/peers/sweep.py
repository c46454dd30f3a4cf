#!/usr/bin/env python3
"""What nobody thought of: random strings, pictures, sizes, sounds and CLIP configurations, through the header and through the reference, compared exactly.
    python3 tests/peers/sweep.py LANGUAGEBIND [SEED [N]]      (needs cc, ffmpeg, numpy, Pillow, ftfy, torch, transformers, open_clip_torch; a minute for N = 1000)
Every difference is printed with what makes it again; exit status 1 when there was one.  Nothing here is needed by `make test`."""
import copy, ctypes, json, os, random, shutil, subprocess, sys, tempfile, unicodedata
from html.entities import html5
import numpy as np
from PIL import Image

if len(sys.argv) < 2: sys.exit(__doc__)
command, seed, count = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, int(sys.argv[3]) if len(sys.argv) > 3 else 1000
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))); rnd = random.Random(seed); work = tempfile.mkdtemp(); wrong = 0
pick = rnd.choice
def differs(what, *why):
    global wrong; wrong += 1; print('DIFFERS', what, *why, flush=True)
def run(*a, **k): return subprocess.run(a, capture_output=True, stdin=None if 'input' in k else subprocess.DEVNULL, **k)

class lb_image(ctypes.Structure): _fields_ = [('width', ctypes.c_size_t), ('height', ctypes.c_size_t), ('channels', ctypes.c_int), ('bits', ctypes.c_int), ('orientation', ctypes.c_int), ('data', ctypes.c_void_p)]
class lb_audio(ctypes.Structure): _fields_ = [('rate', ctypes.c_int), ('channels', ctypes.c_int), ('frames', ctypes.c_size_t), ('data', ctypes.c_void_p)]
subprocess.run(['cc', '-O1', '-w', '-shared', '-fPIC', '-DLANGUAGEBIND_IMPLEMENTATION', '-x', 'c', root + '/languagebind.h', '-o', work + '/lb.so', '-lm'], check=True)
lb = ctypes.CDLL(work + '/lb.so'); lb.lb_last_error.restype = ctypes.c_char_p; ctx = ctypes.c_void_p(); assert lb.lb_ctx_new(None, ctypes.byref(ctx)) == 0
def pixels(path):
    a, b = lb_image(), lb_image()
    if lb.lb_image_load(ctx, path.encode(), ctypes.byref(a)) or lb.lb_image_rgb(ctx, ctypes.byref(a), ctypes.byref(b)): return lb.lb_last_error().decode()
    p = np.ctypeslib.as_array(ctypes.cast(b.data, ctypes.POINTER(ctypes.c_uint8)), (b.height, b.width, 3)).copy(); lb.lb_image_free(ctypes.byref(a)); lb.lb_image_free(ctypes.byref(b))
    return p
def samples(path):
    a = lb_audio()
    if lb.lb_audio_load(ctx, path.encode(), ctypes.byref(a)): return lb.lb_last_error().decode()
    x = np.ctypeslib.as_array(ctypes.cast(a.data, ctypes.POINTER(ctypes.c_float)), (a.frames * a.channels,)).copy(); lb.lb_audio_free(ctypes.byref(a))
    return x

def stills(n):
    """Pictures as Pillow and ffmpeg write them, in every mode, against Pillow's pixels."""
    photos = [Image.open(root + '/examples/photos/' + f).convert('RGB') for f in ('cat.jpg', 'coffee.jpg')]
    modes = {'jpg': ['RGB', 'L', 'CMYK'], 'png': ['RGB', 'RGBA', 'L', 'LA', 'P', '1', 'I;16'], 'bmp': ['RGB', 'L', 'P', '1'], 'gif': ['L', 'P', '1'], 'ppm': ['RGB', 'L', '1']}
    formats = {'jpg': ['yuvj420p', 'yuvj422p', 'yuvj444p', 'yuvj440p', 'gray'], 'png': ['rgb24', 'rgba', 'gray', 'ya8', 'rgb48be', 'rgba64be', 'gray16be', 'ya16be', 'pal8', 'monob'], 'bmp': ['bgr24', 'bgra', 'rgb565le', 'rgb555le', 'pal8', 'monob', 'gray'], 'ppm': ['rgb24', 'rgb48be'], 'pgm': ['gray', 'gray16be'], 'gif': ['rgb8', 'pal8', 'gray']}
    for i in range(n):
        w, h = rnd.randrange(1, 90), rnd.randrange(1, 90); im = pick(photos); x, y = rnd.randrange(im.width - 90), rnd.randrange(im.height - 90); im = im.crop((x, y, x + w, y + h)); how = {}
        if i % 8:
            kind = pick(['jpg', 'jpg'] + list(modes)); mode = pick(modes[kind])
            if mode == 'I;16': im = Image.fromarray(np.asarray(im.convert('L')).astype(np.uint16) * rnd.randrange(1, 257))
            elif mode == 'P': im = im.quantize(pick([2, 3, 4, 7, 16, 200, 256]))
            else: im = im.convert(mode)
            if kind == 'jpg':
                how = dict(quality=pick([1, 5, 30, 50, 75, 90, 95, 100]), subsampling=pick([0, 1, 2]), progressive=rnd.random() < .4, optimize=rnd.random() < .3)
                if rnd.random() < .3: how['restart_marker_blocks'] = pick([1, 2, 5])
                if mode == 'RGB' and rnd.random() < .1: how['keep_rgb'] = True
            if mode == 'P' and kind == 'png' and rnd.random() < .5: how['transparency'] = rnd.randrange(2)
            path = '%s/%d.%s' % (work, i, kind)
            try: im.save(path, **how)
            except OSError: continue                                         # Pillow's encoder has not room for a tiny picture of high quality
        else:
            kind = pick(list(formats)); mode = pick(formats[kind]); path = '%s/%d.%s' % (work, i, kind); im.save(work + '/in.png')
            how = ['-q:v', str(pick([1, 2, 5, 31]))] if kind == 'jpg' else ['-pred', pick(['none', 'sub', 'up', 'avg', 'paeth', 'mixed'])] if kind == 'png' else []
            if run('ffmpeg', '-v', 'error', '-y', '-i', work + '/in.png', '-vf', 'format=' + mode, '-frames:v', '1', '-update', '1', *how, path).returncode: continue
        ours, ref = pixels(path), Image.open(path); what = '%s: %s %d x %d %s' % (path, mode, w, h, how)
        ref = np.repeat(np.minimum(np.asarray(ref).astype(np.int64), 255).astype(np.uint8)[..., None], 3, -1) if ref.mode.startswith('I') else np.asarray(ref.convert('RGB'))
        if isinstance(ours, str): differs(what, ours)
        elif ours.shape != ref.shape or (ours != ref).any(): differs(what, 'by up to', np.abs(ours.astype(int) - ref).max())
        else: os.remove(path)

def resizes(n):
    """Noise of one size at another, against Pillow's bicubic; but not where Pillow 12.2 and 13 round in another order than those before them."""
    import PIL
    version = tuple(map(int, PIL.__version__.split('.')[:2])); turned = lambda w, h, W, H: (version >= (12, 2) and h > 100 * w and H < h) or (version >= (13, 0) and h - H > max(0, 2 * (w - W)))
    for i in range(n):
        w, h, W, H = (pick([rnd.randrange(1, 40), rnd.randrange(1, 400)]) for _ in range(4)); channels = pick([1, 3])
        if turned(w, h, W, H): continue
        a = np.random.default_rng(seed * 1000003 + i).integers(0, 256, (h, w, channels)).astype(np.uint8); b = lb_image()
        if i % 3 == 0: a = (a > 127).astype(np.uint8) * 255                  # overshoots are clipped
        if lb.lb_image_resize(ctx, ctypes.byref(lb_image(w, h, channels, 8, 1, a.ctypes.data)), ctypes.c_size_t(W), ctypes.c_size_t(H), ctypes.byref(b)): differs('resize', lb.lb_last_error()); continue
        ours = np.ctypeslib.as_array(ctypes.cast(b.data, ctypes.POINTER(ctypes.c_uint8)), (H, W, channels)).copy(); lb.lb_image_free(ctypes.byref(b))
        want = np.asarray(Image.fromarray(a if channels == 3 else a[..., 0]).resize((W, H), Image.BICUBIC)).reshape(H, W, channels)
        if (ours != want).any(): differs('resize %d x %d to %d x %d' % (w, h, W, H), 'by up to', np.abs(ours.astype(int) - want).max())

def sounds(n):
    """WAV and FLAC as ffmpeg writes them, in every sample format and prediction, against ffmpeg's samples."""
    for i in range(n):
        flac = rnd.random() < .6; channels = pick([1, 1, 2, 2, 3, 4, 5, 6, 7, 8]); rate = pick([7, 8000, 11025, 16000, 44100, 48000, 96000, 192000, 655350] if flac else [7, 8000, 44100, 192000]); frames = pick([1, 2, 5, 100, 4095, 4096, 4097, 20001])
        t = np.arange(frames)[:, None]; g = np.random.default_rng(seed * 1000003 + i)
        x = pick([lambda: g.uniform(-1, 1, (frames, channels)), lambda: np.sin(t * .03 * (1 + np.arange(channels))), lambda: np.zeros((frames, channels)), lambda: np.sign(np.sin(t * .1)) * np.ones((1, channels)), lambda: np.cumsum(g.normal(0, .003, (frames, channels)), 0)])()
        path = '%s/%d.%s' % (work, i, 'flac' if flac else 'wav')
        how = ['-c:a', pick(['pcm_s16le', 'pcm_s24le', 'pcm_s32le', 'pcm_s64le', 'pcm_u8', 'pcm_f32le', 'pcm_f64le', 'pcm_alaw', 'pcm_mulaw']), '-rf64', pick(['always', 'auto'])]
        if flac: how = ['-sample_fmt', pick(['s16', 's32']), '-compression_level', str(rnd.randrange(13)), '-lpc_type', pick(['none', 'fixed', 'levinson', 'cholesky']), '-frame_size', str(pick([16, 192, 1000, 4608, 32767])), '-strict', '-2'] + (['-ch_mode', pick(['indep', 'left_side', 'right_side', 'mid_side'])] if channels == 2 else [])
        if run('ffmpeg', '-v', 'error', '-y', '-f', 'f32le', '-ar', str(rate), '-ac', str(channels), '-i', '-', *how, path, input=x.clip(-1, 1).astype('<f4').tobytes()).returncode: continue
        ours, ref = samples(path), np.frombuffer(run('ffmpeg', '-v', 'error', '-i', path, '-f', 'f64le', '-c:a', 'pcm_f64le', '-').stdout, '<f8').astype('<f4'); what = '%s: %d x %d at %d %s' % (path, frames, channels, rate, how)
        if not ref.size: continue                                            # ffmpeg reads nothing back of some that it wrote (7 Hz, long frames)
        if isinstance(ours, str): differs(what, ours)
        elif ours.size != ref.size or (ours != ref).any(): differs(what, ours.size, ref.size)
        else: os.remove(path)

def strings(n):
    """Strings of every script, entities, ligatures, controls and special tokens, against open_clip's tokenizer."""
    import ftfy, open_clip
    reference = open_clip.tokenizer.SimpleTokenizer(); known = {}; entities = sorted(html5); texts = []
    for c in map(chr, range(0x20, 0x32000)):
        if unicodedata.category(c) not in ('Cn', 'Cs', 'Co'): known.setdefault(unicodedata.category(c), []).append(c)
    odd = ['<start_of_text>', '<end_of_text>', '<|startoftext|>', '&amp;', '&amp;lt;', '&#39;', '&#x27;', '&#0;', '&#128;', '&#xD800;', '&#1114112;', '&quot', '&notin', "'s", "'LL", '\u2019re', '\ufb01', '\u200d', '\ufe0f', '\u0301', '\u0345', '\u03a3', '\u03c2', '\u0130', '\u0131', '\u00df', '\u1e9e', '\x1b[31m', '\x7f', '\x85', '\xad',
           '\ufeff', '\u2028', '\u2026', '\u201c', '\u2019', '`', '\uff21', '\uff10', '\uff76\uff9e', '\uac00', '\u1100\u1161', '&#', '<', '>', '&lt;b&gt;', '\t', ' ', '  ', '\u3000', '\xa0']
    piece = lambda: pick([lambda: pick(odd), lambda: '&' + pick(entities), lambda: ''.join(pick('abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789 ') for _ in range(rnd.randrange(1, 8))), lambda: pick(known[pick(sorted(known))])])()
    while len(texts) < n:
        s = ''.join(piece() for _ in range(rnd.randrange(1, 12)))
        if ftfy.fix_text(s) == ftfy.fix_text(s, config=ftfy.TextFixerConfig(fix_encoding=False)): texts.append(s)          # the repair of mojibake is not implemented
    with open(work + '/texts', 'w', newline='') as f: f.write('\n'.join(texts) + '\n')
    out = run(command, 'tokenize', '-m', root + '/weights/clip-bpe.lbw', '--clean', 'open_clip', '--text-file', work + '/texts', text=True)
    lines = out.stdout.split('\n')[:-1]
    if len(lines) != n: return differs('tokenize', len(lines), 'lines', out.stderr)
    for s, line in zip(texts, lines):
        want, ours = reference(s)[0].tolist(), [int(i) for i in line.split()]
        if ours != want[:len(ours)] or any(want[len(ours):]): differs(ascii(s), ours, want[:len(ours) + 2])

def configurations():
    """Small models of every option that open_clip's configuration has: the same vectors, or a refusal."""
    import torch, open_clip
    from open_clip.model import CLIP, CustomTextCLIP
    base = dict(embed_dim=32, vision_cfg=dict(image_size=32, layers=2, width=64, head_width=32, patch_size=8), text_cfg=dict(context_length=77, vocab_size=49408, width=64, heads=2, layers=2))
    options = [{}, dict(quick_gelu=True), dict(custom_text=True), dict(init_logit_bias=-10.0), dict(v_mlp_ratio=3.0, t_mlp_ratio=2.5), dict(v_ls_init_value=.1), dict(t_ls_init_value=.1), dict(v_no_ln_pre=True), dict(v_pool_type='avg'), dict(v_pool_type='none'), dict(v_final_ln_after_pool=True), dict(v_pool_type='avg', v_final_ln_after_pool=True),
               dict(v_pos_embed_type='sin_cos_2d'), dict(v_patch_dropout=.5), dict(v_attentional_pool=True), dict(v_act_kwargs={'approximate': 'tanh'}), dict(t_act_kwargs={'approximate': 'tanh'}), dict(v_norm_kwargs={'eps': 1e-6}), dict(t_norm_kwargs={'eps': 1e-3}), dict(t_pool_type='first'), dict(t_pool_type='last'), dict(t_pool_type='eos', t_eos_id=49407),
               dict(t_no_causal_mask=True), dict(t_embed_cls=True), dict(t_proj_type='none', t_width=32, t_heads=1), dict(t_proj_bias=True), dict(v_image_size=[32, 48]), dict(v_patch_size=[8, 4]), dict(t_context_length=40)]
    texts = ['a photo of a cat', 'two dogs', '', 'a long text ' + 'word ' * 100]; photo = root + '/examples/photos/cat.jpg'; folder = work + '/clip'; os.makedirs(folder); torch.manual_seed(seed)
    for o in options:
        c = copy.deepcopy(base)
        for k, v in o.items(): ({'v': c['vision_cfg'], 't': c['text_cfg']}[k[0]] if k[1] == '_' else c).__setitem__(k[2:] if k[1] == '_' else k, v)
        model = (CustomTextCLIP if c.get('custom_text') else CLIP)(**{k: v for k, v in c.items() if k != 'custom_text'}).eval()
        with torch.no_grad(): [p.add_(torch.randn_like(p) * .02) for p in model.parameters()]
        torch.save(model.state_dict(), folder + '/open_clip_pytorch_model.bin'); mean, std = (.5, .4, .3), (.2, .3, .4)
        with open(folder + '/open_clip_config.json', 'w') as f: json.dump(dict(model_cfg=c, preprocess_cfg=dict(mean=mean, std=std)), f)
        out = run(command, 'convert', folder, '-o', folder + '/m.lbw', text=True)
        if out.returncode: print('refused:', o, out.stderr.strip().split(': ', 2)[-1]); continue
        size = c['vision_cfg']['image_size']; x = open_clip.transform.image_transform(tuple(size) if isinstance(size, list) else size, is_train=False, mean=mean, std=std)(Image.open(photo).convert('RGB'))[None]
        with torch.no_grad(): want = torch.cat([model.encode_image(x, normalize=True), model.encode_text(open_clip.get_tokenizer('ViT-B-32', context_length=c['text_cfg']['context_length'])(texts), normalize=True)]).numpy()
        out = run(command, 'embed', '-m', folder + '/m.lbw', '--image', photo, '--text', *texts, '-o', folder + '/e.npy', text=True)
        if out.returncode: differs(o, out.stderr)
        elif np.abs(np.load(folder + '/e.npy') - want).max() > 2e-5: differs(o, 'by up to', np.abs(np.load(folder + '/e.npy') - want).max())

def folders():
    """Small Hugging Face folders of every option that CLIP's configuration and preparation have, in three types and in shards: the same vectors, or a refusal."""
    import torch, open_clip, transformers
    from transformers import CLIPConfig, CLIPModel
    prepare = getattr(transformers, 'CLIPImageProcessorPil', transformers.CLIPImageProcessor); texts = ['a photo of a cat', 'two dogs', '']; photo = root + '/examples/photos/cat.jpg'; bpe = open_clip.tokenizer.SimpleTokenizer()
    transformers.utils.logging.set_verbosity_error(); transformers.utils.logging.disable_progress_bar()
    options = [{}, dict(v_hidden_act='gelu', t_hidden_act='gelu'), dict(v_hidden_act='gelu'), dict(v_hidden_act='gelu_new'), dict(v_hidden_act='relu'), dict(v_layer_norm_eps=1e-3, t_layer_norm_eps=1e-6), dict(t_eos_token_id=2), dict(v_num_attention_heads=4, t_num_attention_heads=1), dict(v_image_size=30), dict(t_hidden_size=96), dict(v_num_channels=1),
               dict(v_num_hidden_layers=1, t_num_hidden_layers=3), dict(dtype=torch.float16), dict(dtype=torch.bfloat16), dict(shards='2MB'), dict(p_size={'shortest_edge': 40}), dict(p_do_center_crop=False), dict(p_resample=2), dict(p_do_normalize=False), dict(p_image_mean=[.5, .5, .5]), dict(p_rescale_factor=1 / 127.5), dict(p_do_resize=False)]
    for o in options:
        part = lambda c: {k[2:]: v for k, v in o.items() if k[:2] == c + '_'}
        v = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8); v.update(part('v')); folder = tempfile.mkdtemp(dir=work)
        t = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, vocab_size=49408, bos_token_id=49406, eos_token_id=49407); t.update(part('t'))
        p = dict(size={'shortest_edge': v['image_size']}, resample=3, crop_size={'height': v['image_size'], 'width': v['image_size']}, rescale_factor=1 / 255, image_mean=[.48, .46, .41], image_std=[.27, .26, .28], **{'do_' + k: True for k in ('resize', 'center_crop', 'rescale', 'normalize')}); p.update(part('p'))
        torch.manual_seed(seed); model = CLIPModel(CLIPConfig(vision_config=v, text_config=t, projection_dim=32)).eval()
        with torch.no_grad(): [x.add_(torch.randn_like(x) * .02) for x in model.parameters()]
        model = model.to(o.get('dtype', torch.float32)); model.save_pretrained(folder, max_shard_size=o.get('shards', '1GB')); model = model.float()
        with open(folder + '/preprocessor_config.json', 'w') as f: json.dump(dict(p, image_processor_type='CLIPImageProcessor'), f)
        out = run(command, 'convert', folder, '-o', folder + '/m.lbw', text=True)
        if out.returncode: print('refused:', o, out.stderr.strip().split(': ', 2)[-1]); continue
        ids = torch.full((len(texts), 77), 49407)
        for row, s in zip(ids, texts): code = [49406] + bpe.encode(s) + [49407]; row[:len(code)] = torch.tensor(code)
        with torch.no_grad(): want = [model.get_image_features(pixel_values=prepare(**p)(images=Image.open(photo).convert('RGB'), return_tensors='pt')['pixel_values']), model.get_text_features(input_ids=ids)]
        want = torch.nn.functional.normalize(torch.cat([w if isinstance(w, torch.Tensor) else w.pooler_output for w in want]), dim=-1).numpy()
        out = run(command, 'embed', '-m', folder + '/m.lbw', '--image', photo, '--text', *texts, '-o', folder + '/e.npy', text=True)
        if out.returncode: differs(o, out.stderr)
        elif np.abs(np.load(folder + '/e.npy') - want).max() > 2e-5: differs(o, 'by up to', np.abs(np.load(folder + '/e.npy') - want).max())

for part, n in ((stills, count), (resizes, count), (sounds, count // 4), (strings, 10 * count)): part(n); print('%s: %d' % (part.__name__, n), flush=True)
for part in (configurations, folders): part(); print(part.__name__, flush=True)
print(wrong, 'differ; files are in ' + work if wrong else 'differ')
if not wrong: shutil.rmtree(work)
sys.exit(wrong > 0)
