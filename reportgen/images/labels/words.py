"""How columns of a table of labels, and folders, are called; columns as `tables.plain_word` writes them."""

from __future__ import annotations

_NAMES = (
    "filename file imagename imagefile imagefilename imgname imgfile fname filepath imagepath imgpath path relpath "
    "imageid imgid image img picture photo images files url uri imageurl externalid datei dateiname bild bilddatei "
    "pfad fichier chemin archivo imagen bestand afbeelding 文件名 图片 ファイル名 画像 файл name id"
)
_CLASSES = (
    "classname labelname categoryname class label category groundtruth truelabel trueclass target labels classes "
    "wnid synset synsetid choice species breed variety diagnosis predictionstring gt y ytrue actual truth classid "
    "labelid categoryid classindex labelindex classidx labelidx targetid klasse kategorie etikett "
    "classe clase klas étiquette etiquette etiqueta etichetta catégorie categorie categoría categoria "
    "类别 标签 クラス ラベル класс метка name"
)
_BESIDE = "split subset fold set width height size index idx source url license author date annotator comment notes"
_BOXES = "xmin ymin xmax ymax x0 y0 x1 y1 x2 y2 x y w h left top right bottom bbox box xcenter ycenter"
_SPLITS = "train training trn val valid validation dev test testing holdout"
_EVERYDAY = (
    "screen mask library menu desktop notebook monitor website stage printer projector photocopier mailbox phone "
    "ipod camera plate tray slot switch wallet envelope pier"
)

# Of the images, and of their classes; of several columns called so the word that comes first is the plainer one.
NAME_WORDS, CLASS_WORDS = _NAMES.split(), _CLASSES.split()
# Beside them, and never of classes; of boxes.
BESIDE_WORDS, BOX_WORDS = frozenset(_BESIDE.split()), frozenset(_BOXES.split())
# Folders by what their images are for.
SPLIT_WORDS = frozenset(_SPLITS.split())
# A folder called so holds what a device or program put there: alone it is no class, though models have classes called so.
EVERYDAY_WORDS = frozenset(_EVERYDAY.split())
