"""Find pictures that show the same: saved anew, made smaller, cropped a little, mirrored.

Two perceptual hashes (ImageHash's phash and dhash) say quickly which pictures may be alike; each misses
some that the other finds, since a drawing on white has many equal frequencies and a texture few long
edges. Those pairs are then laid over each other, with the shift and the scale that fit best, and compared.

Measured on the pictures named in `focus`, each with a changed copy of itself, by the correlation of two
pictures of 48 x 48 pixels laid over each other:

===============================================  ==================  =========
pair                                             least, 1 in 5 less  found
===============================================  ==================  =========
two drawings of one figure in other poses        highest 0.963       none of 6
two photographs of one subject                   highest 0.920       none of 35
the others                                       highest 0.894       none of 700
JPEG quality 30 or 10, grey, mirrored            0.98, 0.998         39 of 39
a quarter to three times the size                0.98, 0.998         39 of 39
a third brighter                                 0.96, 0.99          36
2, 4, 6, 10 % cut off, about the centre          0.6, 0.985          35
4, 8 % cut off at two sides                      0.7, 0.984          35, 30
300 pixels, quality 40, 5 % cut off at one side  0.7, 0.984          35
a watermark written on it                        0.9, 0.99           35
===============================================  ==================  =========

Those missed are brick, gravel, grass and stars, which look the same wherever they are cut. A threshold of
0.95 would take two pairs of the drawn poses for copies, one of 0.92 the vase before a white wall for
another photograph of it; one of 0.99 would miss most of what was cropped.
"""

import base64
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 48  # pixels of the small picture that is compared
ALIKE = 0.975  # correlation; see above

_MAY_PHASH, _MAY_DHASH = 16, 12  # bits of 64 that may differ
_PLAIN = 3.0  # grey levels of deviation; what is plainer is like everything
_AT_ONCE = 256  # pairs
_ROWS = 64  # pictures whose hashes are compared with all others at a time, to bound the memory
_ENOUGH = 3  # pairs of two groups that are unlike; then the groups are
_SIZES = (12, 24, 48)  # pixels; a shift is found where it is small
_STEPS = 6  # of Gauss and Newton at each
_HOPELESS = 0.8  # correlation at one size that the next would not mend
_WITHIN = 0.6  # share of the picture that must lie on the other
_FARTHEST = np.float32([0.3, 0.15, 0.3, 0.15])  # from scale 1 and shift 0, in each direction

Planes = NDArray[np.float32]  # (pairs, H, W)


class Likeness(NamedTuple):
    """What a picture is recognised by, as text: hashes as it is and mirrored, and the picture very small."""

    hashes: tuple[str, str, str, str]  # phash, dhash, and both of the mirrored picture, in hexadecimal
    small: str  # SIDE x SIDE grey levels, in base 64

    def pixels(self) -> NDArray[np.uint8]:
        """Return the small picture, (SIDE, SIDE)."""
        return np.frombuffer(base64.b64decode(self.small), np.uint8).reshape(SIDE, SIDE)


class Pair(NamedTuple):
    """Two pictures that are alike, by their number."""

    one: int
    other: int
    mirrored: bool


def likeness(grey: Image.Image) -> Likeness | None:
    """Say what a picture is recognised by; None where it is too plain."""
    from imagehash import dhash, phash

    small = grey.resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small)
    if pixels.std() < _PLAIN:
        return None
    mirrored = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    hashes = tuple(str(hash_of(picture)) for picture in (small, mirrored) for hash_of in (phash, dhash))
    return Likeness(hashes, base64.b64encode(pixels.tobytes()).decode())


def alike(pictures: Sequence[Likeness]) -> list[Pair]:
    """Find which pictures are alike: enough pairs to tell the groups, not all there are."""
    if len(pictures) < 2:
        return []
    groups = Groups(len(pictures))
    pixels = np.stack([picture.pixels() for picture in pictures])
    found = []
    for mirrored in (False, True):
        others = pixels[:, :, ::-1] if mirrored else pixels
        pairs, unlike = _candidates(pictures, mirrored), Counter()
        while pairs:
            now, pairs = _next(pairs, groups, unlike)
            which = np.array(now, dtype=np.intp).reshape(-1, 2)
            one, other = pixels[which[:, 0]].astype(np.float32), others[which[:, 1]].astype(np.float32)
            for pair, same in zip(now, _correlation(one, other) >= ALIKE, strict=True):
                if same:
                    groups.join(*pair)
                    found.append(Pair(*pair, mirrored))
                else:
                    unlike[groups.of_both(*pair)] += 1
    return found


def _next(
    pairs: Sequence[tuple[int, int]], groups: "Groups", unlike: Counter[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Choose which pairs to compare now: those that would all be needed if each is alike; also which later.

    Pairs of one group need no comparing, nor those of two groups of which several members were unlike.
    """
    hoped, now, later = Groups(groups), [], []
    for one, other in pairs:
        both = groups.of_both(one, other)
        if both[0] == both[1] or unlike[both] >= _ENOUGH:
            continue
        if len(now) < _AT_ONCE and hoped.of(one) != hoped.of(other):
            hoped.join(one, other)
            now.append((one, other))
        else:
            later.append((one, other))
    return now, later


class Groups:
    """Things that are joined two by two, and which group each belongs to.

    Args:
        of: how many there are, or groups to begin with.
    """

    def __init__(self, of: "int | Groups"):
        self._above = list(of._above) if isinstance(of, Groups) else list(range(of))

    def of(self, one: int) -> int:
        """Return the first of the group."""
        while self._above[one] != one:
            self._above[one] = self._above[self._above[one]]
            one = self._above[one]
        return one

    def of_both(self, one: int, other: int) -> tuple[int, int]:
        """Return the first of each of two groups, in order."""
        first, second = self.of(one), self.of(other)
        return (first, second) if first <= second else (second, first)

    def join(self, one: int, other: int) -> None:
        """Make one group of two."""
        first, second = self.of_both(one, other)
        self._above[second] = first

    def of_several(self) -> list[list[int]]:
        """List the groups of more than one, in order."""
        members: dict[int, list[int]] = {}
        for one in range(len(self._above)):
            members.setdefault(self.of(one), []).append(one)
        return [group for group in members.values() if len(group) > 1]


def _candidates(pictures: Sequence[Likeness], mirrored: bool) -> list[tuple[int, int]]:
    """List the pairs whose hashes are near, the nearest first."""
    hashes = np.array([[int(part, 16) for part in picture.hashes] for picture in pictures], np.uint64)
    pairs, distances = [], []
    for start in range(0, len(hashes), _ROWS):
        some = hashes[start : start + _ROWS]
        by_phash, by_dhash = (
            np.bitwise_count(some[:, None, which] ^ hashes[None, :, which + 2 * mirrored]) for which in (0, 1)
        )
        near = (by_phash <= _MAY_PHASH) | (by_dhash <= _MAY_DHASH)
        one, other = np.nonzero(near)
        later = other > one + start
        pairs.append(np.stack([one[later] + start, other[later]], 1))
        distances.append((by_phash[one, other] + by_dhash[one, other])[later])
    nearest = np.argsort(np.concatenate(distances), kind="stable")
    return list(map(tuple, np.concatenate(pairs)[nearest].tolist()))


def _correlation(ones: Planes, others: Planes) -> NDArray[np.float32]:
    """Say how well pictures fit each other, whichever of the two is the smaller crop."""
    best = np.array(correlation(ones, others))
    rest = best < ALIKE
    best[rest] = np.maximum(best[rest], correlation(others[rest], ones[rest]))
    return best


def correlation(ones: Planes, others: Planes) -> NDArray[np.float32]:
    """Lay pictures over each other and say how well each pair fits, from -1 to 1.

    The scale and the shift of each side that fit best are found by Gauss and Newton's steps, first at a
    quarter of the size, then at a half, then in full (as Lucas and Kanade register images, 1981).

    Args:
        ones: (pairs, SIDE, SIDE).
        others: the same; smaller crops of the first, or the other way round.
    """
    placed = np.tile(np.float32([1, 0, 1, 0]), (len(ones), 1))  # scale and shift along x, then along y
    everywhere = np.ones_like(ones)
    best = (_normed(ones, everywhere)[0] * _normed(others, everywhere)[0]).mean((1, 2))
    live = np.flatnonzero(best < ALIKE)  # the others fit as they are
    for size in _SIZES:
        if not len(live):
            break
        one, other = (_shrunk(planes[live], SIDE // size) for planes in (ones, others))
        for _ in range(_STEPS):
            placed[live] = _step(one, other, placed[live])
        moved, weight = _moved(one, placed[live])
        best[live] = (_normed(moved, weight)[0] * _normed(other, weight)[0]).sum((1, 2)) / weight.sum((1, 2))
        best[live[weight.mean((1, 2)) < _WITHIN]] = -1
        live = live[best[live] >= _HOPELESS]
    return best


def _step(one: Planes, other: Planes, placed: Planes) -> Planes:
    size = one.shape[1]
    at = _places(size)
    moved, weight = _moved(one, placed)
    values, deviation = _normed(moved, weight)
    wanted = _normed(other, weight)[0]
    slope_y, slope_x = np.gradient(moved, axis=(1, 2))
    slope_x = slope_x * weight * size / deviation / placed[:, 0, None, None]
    slope_y = slope_y * weight * size / deviation / placed[:, 2, None, None]
    slopes = np.stack([slope_x * at, slope_x, slope_y * at[:, None], slope_y], 1).reshape(len(one), 4, -1)
    slopes -= slopes.mean(2, keepdims=True)
    normal = slopes @ slopes.transpose(0, 2, 1) + 1e-6 * size * size * np.eye(4, dtype=np.float32)
    change = np.linalg.solve(normal, slopes @ (wanted - values).reshape(len(one), -1, 1))[:, :, 0]
    whole = np.float32([1, 0, 1, 0])
    return np.clip(placed + np.clip(change, -0.06, 0.06), whole - _FARTHEST, whole + _FARTHEST)


def _moved(planes: Planes, placed: Planes) -> tuple[Planes, Planes]:
    """Sample pictures where another's pixels lie on them; also 1 where there is a picture, else 0."""
    size = planes.shape[1]
    at = _places(size)
    x, y = (((placed[:, i, None] * at + placed[:, i + 1, None]) + 0.5) * size - 0.5 for i in (0, 2))
    inside_x, inside_y = ((where >= -0.5) & (where <= size - 0.5) for where in (x, y))
    rows = _between(planes, y[:, :, None], 1)
    return _between(rows, x[:, None, :], 2), (inside_y[:, :, None] & inside_x[:, None, :]).astype(np.float32)


def _between(planes: Planes, where: Planes, axis: int) -> Planes:
    """Interpolate along an axis."""
    low = np.clip(np.floor(where), 0, planes.shape[axis] - 2).astype(np.intp)
    part = np.clip(where - low, 0, 1).astype(np.float32)
    return np.take_along_axis(planes, low, axis) * (1 - part) + np.take_along_axis(planes, low + 1, axis) * part


def _normed(planes: Planes, weight: Planes) -> tuple[Planes, Planes]:
    """Bring to mean 0 and deviation 1 where the weight is 1, to 0 elsewhere; also the deviation."""
    total = weight.sum((1, 2), keepdims=True)
    centred = (planes - (planes * weight).sum((1, 2), keepdims=True) / total) * weight
    deviation = np.sqrt((centred**2).sum((1, 2), keepdims=True) / total) + 1e-3
    return centred / deviation, deviation


def _shrunk(planes: Planes, factor: int) -> Planes:
    size = planes.shape[1] // factor
    return planes.reshape(len(planes), size, factor, size, factor).mean((2, 4))


def _places(size: int) -> NDArray[np.float32]:
    """Return where pixels lie, from -1/2 to 1/2."""
    return ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
