#!/usr/bin/env python3
"""Needs: python3 (standard library), tools/data/prepare, the unpacked packages openclipart-png and openclipart-svg; emoji.py is to run first.

    python3 tools/data/clipart.py PACKAGES DIR PREPARE

Open Clip Art (release 0.18): DIR/clipart/*.png, 128 pixels on white, and DIR/clipart.tsv.  Pictures come from the PNGs, titles, descriptions, keywords
and authors from the SVGs of the same name.  A name is the title, cleaned; where the title is that of a collection ("Etiquette Icons") it is made of the
file's name without the author's.  Folders add keywords.  Left out: almost empty pictures, pictures that look like one that is in already, more than 8
of one name, gradients.  Pictures whose name has a noun that emoji hold out (emoji-heldout.txt), and those that look like a Tux Paint stamp (their
fingerprints differ in fewer than 4 of 64 bits; stamps.py writes stamps-prints.txt), are in the split `near`; one in thirty names of the rest in `val`,
all others in `train`, of which clipart-more.tsv has three variants each."""
import glob
import html
import os
import re
import sys
from common import *

PER_NAME, SIDE = 8, 128
GENERIC_AT = 10                   # so many pictures of one title: a collection's
TITLE_CUTS = re.compile(r'clipart by nicu buculei - (svg |w |contour )?| - (rpg map elements|clothing|body part|iconset)|\bclip ?art( of)?\b|\b(svg|icon set|theme|collection|example|illustration|symbol signs)\b|\([a-z]{3} [a-z]{3} [0-9].*|part of the .*|\.svg|, 20\d\d')
STEM_JUNK = set('gg gnome kde fs mime mimetypes stock black dev app apps application applications contour cs ft fc w sm svg icon emblem theme bn aj package smallest actions'.split())
KEY_JUNK = re.compile(r'^(hash.*|0x.*|\d+|icons?|theme|.* theme icon|magick|signs? and symbols|unsorted|special|mapsym|appicon|mime-?types|mimeicon|work|computer|action|application|filesystem|webpage|symbol|sign|hash|simple|bordered|clip ?art|.*hash\(.*|svg|misc.*|other|png|architetto.*|linex|subnational|networksym|musicstuff|stickmen)$')
FOLDER_JUNK = set('unsorted special icons computer signs_and_symbols flat-theme lemon-theme etiquette-theme apps action actions application mimetypes filesystems white simple bordered misc shapes people recreation aiga-symbols'.split())
PLURAL_OK = set('stairs scissors glasses jeans pants trousers clothes tennis chess christmas bus glass grass compass cross dress class boss moss canvas gas iris cactus octopus'.split())
# One prolific author named his drawings in Italian; a few others in French.
WORDS = dict(p.split('=') for p in '''acquila=eagle aquila=eagle cigno=swan gabbiano=seagull gallo=rooster gufo=owl civetta=owl pollo=chicken tacchino=turkey cavalletta=grasshopper coccinella=ladybug
    coccinellona=ladybug formichina=ant formicona=ant insetto=insect libellula=dragonfly lumaca=snail moschito=mosquito mostriciattolo=little_monster farfalle=butterflies farfalla=butterfly ragno=spider
    zanzara=mosquito dinosauri=dinosaurs dinosauro=dinosaur lucchetto=padlock lucertola=lizard lucertolona=lizard lucertolone=lizard antilope=antelope orso=bear leone=lion tigre=tiger canguro=kangaroo
    coniglio=rabbit elefante=elephant cavallo=horse gattina=cat gatto=cat pecora=sheep topo=mouse toro=bull ramarro=lizard rana=frog poltrona=armchair sedia=chair tavolo=table legno=wood casa=house
    cubo=cube pulsante=button tasto=button finestra=window stampante=printer salvagente=lifebuoy borsa=bag cesto=basket valigie=suitcases decorazione=decoration cinepresa=movie_camera
    telecamera=video_camera lattine=cans birra=beer macchina=machine caffe=coffee tazza=cup teiera=teapot torta=cake prugna=plum pera=pear pesca=peach pomodori=tomatoes aglio=garlic ravanello=radish zucca=pumpkin
    appunti=notes calcolatrice=calculator carta=paper cestino=basket clessidra=hourglass diagramma=diagram fabbrica=factory istogramma=histogram lana=wool lettera=letter puntine=pins tabella=table dente=tooth
    camicia=shirt pattino=skate donna=woman incinta=pregnant fata=fairy bambina=girl uomo=man nonno=grandfather pattinatrice=skater signore=gentleman signorina=young_lady utente=user utenti=users albero=tree
    mazzo=bunch fiori=flowers asso=ace carte=cards pacco=package regalo=gift palloncini=balloons anelli=rings mondo=world medicina=medicine dottore=doctor siringa=syringe microscopio=microscope attenzione=warning
    portafoglio=wallet nucleare=nuclear simbolo=symbol binocolo=binoculars bussola=compass calamita=magnet chiave=key lente=lens livella=spirit_level mattone=brick ruota=wheel secchio=bucket spugna=sponge sega=saw
    viti=screws bicicletta=bicycle trattore=tractor formulario=form griglia=grid orme=footprints neve=snow proiettore=projector provette=test_tubes sapone=soap scodella=bowl tavolozza=palette barattolo=jar
    pillole=pills giallo=yellow rosso=red verde=green nero=black grigio=grey quattro=four di=of con=with coccinelle=ladybug gateau=cake glace=ice_cream eau=water non=not potable=drinkable sortie=exit
    secours=emergency baloon=balloon ballon=ball nosmoke=no_smoking piggybank=piggy_bank arbre=tree fleur=flower maison=house chat=cat chien=dog poisson=fish oiseau=bird soleil=sun etoile=star'''.replace('\n', ' ').split())
ITALIAN = re.compile('rollandin|architetto', re.I)


def metadata(svg):
    """-> (title, description, keywords, creator) of an SVG's RDF, '' where there is none"""
    m = re.search(r'<metadata.*?</metadata>', svg, re.S)
    text = m.group(0) if m else ''
    def one(pattern):
        m = re.search(pattern, text, re.S)
        return html.unescape(re.sub(r'<[^>]*>', ' ', m.group(1))).strip() if m else ''
    keys = [html.unescape(k).strip() for k in re.findall(r'<rdf:li[^>]*>(.*?)</rdf:li>', text, re.S)]
    return one(r'<dc:title[^>]*>(.*?)</dc:title>'), one(r'<dc:description[^>]*>(.*?)</dc:description>'), keys, one(r'<dc:creator>(.*?)</dc:creator>')


SPELL = dict(bodypart='body part', roadsign='road sign', airtravel='air travel', icecream='ice cream', signalflag='signal flag', northamerica='north america', unitedstates='united states', arrowshape='arrow',
             networksym='network', noze='nose', elefant='elephant', musicstuff='music', jackolantern='jack-o-lantern', rubish='rubbish', fastner='fastener')


def tidy(words, foreign):
    words = [w for w in words if not re.fullmatch(r'#?\d+|v\d+|\d*x\d+|[b-z]', w)]
    if foreign: words = [WORDS.get(w, w).replace('_', ' ') for w in words]
    while words and words[-1] in ('and', 'of', 'with', 'the', 'a', 'in', 'for', '-', 'style', 'openclipart', 'by'): words = words[:-1]
    return ' '.join(words)


def title_name(title, creator):
    t = clean(title)
    if t.startswith('hash('): return ''
    t = clean(TITLE_CUTS.sub(' ', t))
    words = [re.sub(r'[0-9]+$', '', w) if re.search('[a-z]{3}', w) else w for w in re.split(r'[ :,()!?.&]+', t)]
    return tidy([w for w in words if w], bool(ITALIAN.search(creator)) or any(w in ('clessidra', 'glace', 'baloon', 'nosmoke', 'piggybank', 'sortie', 'eau') for w in words))


def stem_name(stem, creator):
    m = re.match(r'star_(\d+)pt', stem)
    if m: return 'star with %d points' % int(m.group(1))
    words = [w for w in re.split(r'[_\-+. ]+', clean(stem.replace('+', ' ').replace('_', ' '))) if w]
    words = [re.sub(r'[0-9]+$', '', w) or w for w in words]
    while words and re.fullmatch(r'\d+\w?|\w', words[-1]): words.pop()
    names = [n for n in re.split(r'[^a-z]+', clean(creator)) if len(n) > 2]
    for i in range(1, len(words)):                        # the author's name stands at the end, cut off somewhere
        if len(words[i]) > 2 and any(n.startswith(words[i]) or words[i].startswith(n) for n in names): words = words[:i]; break
    return tidy([w for w in words if w not in STEM_JUNK], bool(ITALIAN.search(creator)))


def card(rel):
    suit, rank_ = rel.split('_')[-2:]
    return '%s of %s playing card' % (dict(a='ace', j='jack', q='queen', k='king').get(rank_, rank_), dict(h='hearts', d='diamonds', c='clubs', s='spades')[suit])


def folder_words(folders):
    out = []
    for f in folders:
        if f in FOLDER_JUNK: continue
        words = clean(f.replace('-', ' ')).split()
        out.append(' '.join(words[:-1] + [words[-1] if words[-1] in PLURAL_OK else singular(words[-1])]) if words else '')
    return out


def captions_of(name, keys, description):
    words = [k for k in keys if k != name]
    d = clean(description)
    good = len(d.split()) in range(3, 16) and not re.search(r'@|http|www|converted|inkscape|hash\(|collection|sodipodi|public domain|svg|clip ?art|illustrator', d) and d != name
    plain = name if name.startswith(('the ', 'no ', 'flag of', 'map of')) or (name.endswith('s') and not name.endswith(('ss', 'us', 'is'))) else article(name)
    return unique([name, name + ': ' + ', '.join(words[:6]) if words else '', 'a drawing of ' + plain, ', '.join(words[:6]) if len(words) > 1 else '', d if good else '', 'a clip art picture of ' + plain,
                   '%s, %s' % (name, words[0]) if words else ''])


def main(argv):
    usage(__doc__, argv, 3)
    packages, folder, tool = argv[1:]
    png, svg = packages + '/openclipart-png/usr/share/openclipart/png/', packages + '/openclipart-svg/usr/share/openclipart/svg/'
    stamps = [int(l, 16) for l in open(folder + '/stamps-prints.txt')] if os.path.exists(folder + '/stamps-prints.txt') else []
    heldout = {l.split('\t')[0] for l in open(folder + '/emoji-heldout.txt', encoding='utf-8')}
    rows, titles = [], {}
    for path in sorted(glob.glob(png + '**/*.png', recursive=True)):
        rel = os.path.relpath(path, png)[:-4]
        try: title, description, keys, creator = metadata(open(svg + rel + '.svg', encoding='utf-8', errors='replace').read())
        except OSError: continue
        if 'Gradient Collection' in title: continue
        name = title_name(title, creator)
        titles[name] = titles.get(name, 0) + 1
        rows.append((path, rel, name, description, keys, creator, title))
    jobs, meta = [], {}
    for path, rel, name, description, keys, creator, raw in rows:
        folders = rel.split('/')[:-1]
        stem = stem_name(rel.split('/')[-1], creator)
        if not re.search('[a-z]{2}', name) or ((titles[name] >= GENERIC_AT or 'buculei - ' in raw.lower()) and not set(name.split()) & set(stem.split())): name = stem
        if 'flags' in folders and name and 'flag' not in name: name = 'flag of ' + name
        keys = [clean(k.replace('(', ' ')) for k in keys]
        keys = unique([SPELL.get(k, k) for k in keys if 1 < len(k) < 18 and len(k.split()) < 4 and not KEY_JUNK.match(k)] + folder_words(reversed(folders)))
        authors = set(re.split('[^a-z]+', clean(creator)))
        if 'cards' in folders and re.fullmatch(r'\w+_[hdcs]_\w+', rel.split('/')[-1]): name = card(rel)
        if set(name.split()) <= authors | {'bordered', 'white', 'simple', 'unsorted'}: name = keys[0] if keys else ''
        if not re.search('[a-z]{2}', name) or len(name.split()) > 9: continue
        out = '%s/clipart/%s.png' % (folder, rel.replace('/', '-'))
        jobs.append((path, out, SIDE)); meta[out] = (name, keys, description)
    done = prepare(tool, jobs)
    items, seen, names = [], set(), {}
    for path, out, _ in jobs:
        name, keys, description = meta[out]
        ok = out in done and 0.015 < done[out][0] and done[out][1] not in seen and names.get(name, 0) < PER_NAME
        if not ok:
            if out in done: os.remove(out)
            continue
        seen.add(done[out][1]); names[name] = names.get(name, 0) + 1
        split = 'near' if words_of(name) & heldout or any(bin(int(done[out][1], 16) ^ s).count('1') < 4 for s in stamps) else 'val' if rank('clipart', name) % 30 == 0 else 'train'
        items.append(Item(os.path.relpath(out, folder), 'image', captions_of(name, keys, description), name, split))
    write_manifest(folder + '/clipart.tsv', items)
    write_variants(tool, folder, 'clipart', items)
    credit(folder, 'clipart', 'Open Clip Art Library, release 0.18 (Debian openclipart-png, openclipart-svg): public domain, by the contributors of openclipart.org.')


if __name__ == '__main__': main(sys.argv)
