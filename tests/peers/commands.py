#!/usr/bin/env python3
"""Random command lines, most of them wrong: whatever comes, the command ends with 0, 1 or 2, says why when it is not 0, and leaves no temporary file.
    make test-sanitize GOAL=build/sanitize/languagebind && python3 tests/peers/commands.py build/sanitize/languagebind [SEED [SECONDS]]
Options and what they take come from --help, so a new one takes part at once.  It works on a copy of the samples, which it writes over at will."""
import os, random, re, shutil, subprocess, sys, tempfile, time

if len(sys.argv) < 2: sys.exit(__doc__)
command, seed, seconds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, float(sys.argv[3]) if len(sys.argv) > 3 else 60
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))); rnd = random.Random(seed); pick = rnd.choice; work = tempfile.mkdtemp(); os.chdir(work)
env = dict(os.environ, LC_ALL='C', ASAN_OPTIONS='allocator_may_return_null=1')
def run(*a, **k): return subprocess.run((command,) + a, capture_output=True, stdin=subprocess.DEVNULL, env=env, **k)
commands = [c for c in re.findall(r'^  ([a-z-]+) +\S', run('--help', text=True).stdout, flags=re.M) if c != 'bench']
options = {c: re.findall(r'^ +(?:-\w, )?(--[a-z0-9-]+)((?: |=|\[)\S+)?', run(c, '--help', text=True).stdout, flags=re.M) for c in commands}
model, demo = 'weights/languagebind-tiny.lbw', 'examples/demo/'
files = [model, 'weights/clip-bpe.lbw', 'README.md', 'examples/photos/cat.jpg', demo, demo + 'demo.jsonl', demo + 'attributes.tsv', demo + 'prompts.json'] + ['tests/golden/' + f for f in ('ckpt_demo', 'stills', 'stills/rgb.png', 'train_command.tsv', 'lb_files', 'lb_depth', 'video')]
places = files + ['/dev/null', 'not-there', '', '-', 'w', 'w/o.lbw', 'w/x.npy', 'w/cut.lbw', 'w/j.json', 'w/t.txt', 'w/i.lbx']
words = ['image', 'text', 'depth', 'thermal', 'audio', 'video', 'image:shape', 'text:image', 'depth+text:image', 'shape', 'train', 'test', 'lora', 'upstream', '4:8', 'shape=ball', '{}', 'a photo of {}', '\u00e9\U0001f600', 'x' * 300, '*', 'vision.*', 'openai', 'image=w/x.npy']
numbers = ['0', '1', '2', '3', '8', '64', '-1', '0.5', '1e300', 'nan', 'inf', '9' * 20, '1e-3', '1G', '5M']
def fresh():
    for f in os.listdir('.'): shutil.rmtree(f) if os.path.isdir(f) else os.remove(f)
    for f in files:
        os.makedirs(os.path.dirname(f.rstrip('/')) or '.', exist_ok=True)
        if os.path.isdir(root + '/' + f): shutil.copytree(root + '/' + f, f, dirs_exist_ok=True)
        else: shutil.copy(root + '/' + f, f)
    os.makedirs('w')
    with open('w/t.txt', 'wb') as f: f.write(b'a cat\n\na dog {}\n\xff\n')
    with open('w/j.json', 'w') as f: f.write('{"name":"x","loader":"npy","channels":1,"height":8,"length":8,"patch":4}')
    with open(model, 'rb') as f, open('w/cut.lbw', 'wb') as g: g.write(f.read(100000))
def taken(kind):
    """What an option takes: as --help names it, or anything."""
    kind = kind.strip(' =[].')
    if rnd.random() < .15: return pick(words + numbers + places)
    if '|' in kind: return pick(kind.split('|'))
    if re.search('FILE|DIR|DATA|LBW|MODEL', kind.upper()): return pick(places)
    return pick(numbers if len(kind) < 6 and kind.isupper() else words)

runs = bad = 0; end = time.time() + seconds; ends = [0, 0, 0]
while time.time() < end:
    if runs % 150 == 0: fresh()
    c = pick(commands); a = [c]; runs += 1
    if rnd.random() < .9 and any(o == '--model' for o, _ in options[c]): a += ['-m', model]
    for o, kind in (pick(options[c]) for _ in range(rnd.randrange(4))):
        if o not in ('--help', '--model'): a += [o] + [taken(kind)] * bool(kind)
    if c == 'eval': a += ['--data', demo + 'demo.jsonl'] + pick([[], ['--attributes', demo + 'attributes.tsv', '--prompts', demo + 'prompts.json', '-c', pick(['image:shape', 'depth:shape', 'audio:hits'])], ['-r', pick(['text:image', 'depth:image', 'depth+thermal:image', 'audio:video'])]])
    elif c in ('embed', 'score'): a += [pick(['--image', '--depth', '--thermal', '--audio', '--video', '--list']), pick(places)] + pick([[], ['--text', 'a cat']])
    elif c == 'train': a += ['--data', pick([demo + 'demo.jsonl', 'tests/golden/train_command.tsv', 'tests/golden/stills']), '--steps', '2', '-b', '4']
    else: a += [pick(places) for _ in range(pick([0, 1, 1, 2]))] + ['-n', '2'] * (c == 'synth')
    if rnd.random() < .7: a += ['-o', pick(['w/o1', 'w/o.lbw', 'w/x.npy', 'w/i.lbx', '/dev/null', 'w', '/not/there/x'])]
    try: p = run(*a, timeout=120)
    except subprocess.TimeoutExpired: bad += 1; print('HANGS', a, flush=True); continue
    said = p.stderr.decode('utf-8', 'replace'); left = [f for f in os.listdir('w') if '.tmp' in f or f.endswith('.part')]
    if p.returncode not in (0, 1, 2) or 'Sanitizer' in said or 'runtime error' in said or (p.returncode and not said.strip()) or left: bad += 1; print('BAD', p.returncode, a, left, said[:1500], flush=True)
    else: ends[p.returncode] += 1
print('%d command lines: %d done, %d failed, %d wrong use, %d bad' % (runs, *ends, bad)); os.chdir(root); shutil.rmtree(work)
sys.exit(bad > 0)
