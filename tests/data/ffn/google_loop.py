"""What Google's flood-filling code answers; writes the files beside it that our tests compare with.

Run in an environment of its own with TensorFlow, tf-slim, jax, edt, scikit-image, connectomics and a checkout of
google/ffn on the path (its ``*_pb2.py`` made again by the protoc of that environment)::

    PYTHONPATH=CHECKOUT python google_loop.py rule
    PYTHONPATH=CHECKOUT python google_loop.py moves REAL_DATA/ffn_fib25_training_sample2 [STEPS]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SAMPLES = 40
CHANGED = {
    "peaks-2d(min_distance=3,threshold_abs=1)": ("PolicyPeaks2d", {"min_distance": 3, "threshold_abs": 1}),
    "bright-peaks(min_distance=1,threshold_rel=0.5)": ("PolicyMaxPeaks", {"min_distance": 1, "threshold_rel": 0.5}),
    "image-peaks(min_distance_2d=-1,min_distance_3d=2)": (
        "PolicyImagePeaks3D2D",
        {"min_distance_2d": -1, "min_distance_3d": 2},
    ),
    "image-peaks-disk(threshold_rel=0.2,disk_radius=2)": (
        "PolicyImagePeaks2DDisk",
        {"threshold_rel": 0.2, "disk_radius": 2},
    ),
    "grid-3d(step=9,offsets=0/4)": ("PolicyGrid3d", {"step": 9, "offsets": (0, 4)}),
    "grid-2d(step=20,offsets=10/0)": ("PolicyGrid2d", {"step": 20, "offsets": (10, 0)}),
    "dense(threshold=0.2,num_erosions=2)": ("PolicyDenseSeeds", {"threshold": 0.2, "num_erosions": 2}),
    "dense(invert=true,num_erosions=3)": ("PolicyDenseSeeds", {"invert": True, "num_erosions": 3}),
}
"""Policies with options, as ours are told them and as theirs are."""


def rule(seed, image):
    """Stands where a network would: exact in any order of operations, so that two loops may be compared bit by bit."""
    grown = np.maximum(np.float32(0.5) * seed, np.float32(-2))
    return (grown + np.float32(4) * image).astype(np.float32)


def made_image(shape=(40, 48, 52), balls=22):
    """Balls that touch in places, values in steps of 1/64 with a little noise."""
    numbers = np.random.PCG64(11).random_raw((balls, 4))
    centres = np.stack([numbers[:, i] % np.uint64(side) for i, side in enumerate(shape)], axis=1).astype(np.int64)
    radii = 3 + (numbers[:, 3] % np.uint64(5)).astype(np.int64)
    at = np.stack(np.indices(shape), axis=-1)
    inside = np.zeros(shape, dtype=bool)
    for centre, radius in zip(centres, radii, strict=True):
        inside |= ((at - centre) ** 2).sum(axis=-1) < radius**2
    noise = np.random.PCG64(7).random_raw(int(np.prod(shape))).reshape(shape) % np.uint64(96)
    return (np.where(inside, 1.0, -1.0) + noise.astype(np.float64) / 64 - 0.75).astype(np.float32)


class RuleClient:
    def start(self):
        return 0

    def finish(self):
        pass

    def predict(self, seed, image, fetches):
        return {"logits": rule(seed, image)[..., None]}


def options(**values):
    from ffn.inference import inference_pb2

    made = inference_pb2.InferenceOptions()
    given = {
        "init_activation": 0.95,
        "pad_value": 0.05,
        "move_threshold": 0.9,
        "segment_threshold": 0.6,
        "min_segment_size": 100,
    }
    for name, value in (given | values).items():
        setattr(made, name, value)
    made.min_boundary_dist.x = made.min_boundary_dist.y = made.min_boundary_dist.z = 1
    return made


def canvas_of(client, image, fov, deltas, wanted, **more):
    from ffn.inference import inference
    from ffn.training import model

    info = model.ModelInfo(deltas[::-1], fov[::-1], fov[::-1], fov[::-1])
    moves = []

    class Told(inference.Canvas):
        def update_at(self, pos):
            moves.append(tuple(int(p) for p in pos))
            return super().update_at(pos)

    canvas = Told(info, client, image, wanted, **more)
    return canvas, moves


def write_rule():
    from functools import partial

    from ffn.inference import movement, segmentation
    from ffn.inference import seed as seeds

    image = made_image()
    hidden = np.zeros(image.shape, dtype=bool)
    hidden[:, 24:28, 20:40] = True
    unseeded = np.zeros(image.shape, dtype=bool)
    unseeded[:20] = True
    strict = {"init_activation": 0.99, "move_threshold": 0.97, "segment_threshold": 0.9, "min_segment_size": 300}
    cases = {
        "plain": ({}, None, seeds.PolicyPeaks),
        "never-frozen": ({"disco_seed_threshold": -1}, None, seeds.PolicyPeaks),
        "strict": (strict, None, seeds.PolicyPeaks),
        "masked": ({}, movement.MovementRestrictor(mask=hidden, seed_mask=unseeded), seeds.PolicyPeaks),
        "grid": ({}, None, partial(seeds.PolicyGrid3d, step=9)),
    }
    kept = {}
    for name, (values, restrictor, policy) in cases.items():
        canvas, moves = canvas_of(
            RuleClient(),
            image,
            (9, 11, 13),
            (2, 3, 3),
            options(**values),
            restrictor=restrictor,
            keep_probability_maps=True,
        )
        canvas.segment_all(policy)
        kept[f"{name}/segmentation"] = canvas.segmentation.astype(np.int16)
        kept[f"{name}/probability"] = canvas.seg_prob
        kept[f"{name}/moves"] = np.array(moves, dtype=np.int16)
        kept[f"{name}/starts"] = np.array([canvas.origins[i].start_zyx for i in sorted(canvas.origins)], dtype=np.int16)
        kept[f"{name}/steps"] = np.array([canvas.origins[i].iters for i in sorted(canvas.origins)], dtype=np.int32)
        pairs = [(i, *map(int, p)) for i in sorted(canvas.overlaps) for p in np.asarray(canvas.overlaps[i]).T]
        kept[f"{name}/overlaps"] = np.array(pairs, dtype=np.int32).reshape(-1, 3)
        print(name, len(canvas.origins), "objects", len(moves), "moves", len(pairs), "overlaps")
    empty, _ = canvas_of(RuleClient(), image, (9, 11, 13), (2, 3, 3), options())
    segmented = type(empty.segmentation)(shape=image.shape, dtype=np.int32)
    segmented[:] = kept["plain/segmentation"]
    for name, policy in {
        "peaks": seeds.PolicyPeaks,
        "peaks-2d": seeds.PolicyPeaks2d,
        "fill": seeds.PolicyFillEmptySpace,
        "brightest": seeds.PolicyMax,
        "bright-peaks": seeds.PolicyMaxPeaks,
        "grid-3d": seeds.PolicyGrid3d,
        "grid-2d": seeds.PolicyGrid2d,
        "dense": seeds.PolicyDenseSeeds,
        "image-peaks": seeds.PolicyImagePeaks3D2D,
        "image-peaks-disk": seeds.PolicyImagePeaks2DDisk,
        **{name: partial(getattr(seeds, policy), **values) for name, (policy, values) in CHANGED.items()},
    }.items():
        canvas, _ = canvas_of(RuleClient(), image, (9, 11, 13), (2, 3, 3), options(), restrictor=None)
        if name == "fill":
            canvas.segmentation[:] = segmented
        points = np.array(list(policy(canvas)), dtype=np.int16)
        if len(points) > 2000:  # the order shows in every seventh
            points = points[::7]
        kept[f"seeds/{name}"] = points
        print(name, len(points))
    for name, least, first, second in (
        ("cut", 0, "plain", "strict"),
        ("small", 40, "never-frozen", "plain"),
        ("long", 5, "plain", "grid"),
    ):
        labels, others = (np.maximum(kept[f"{case}/segmentation"], 0).astype(np.uint64) for case in (first, second))
        if name == "long":  # beyond 32 bits, and some far apart
            labels[labels > 0] += np.uint64(2**40)
            others[others % 2 == 1] += np.uint64(2**50)
        segmentation.split_segmentation_by_intersection(labels, others, least)
        kept[f"consensus/{name}"] = labels
        print("consensus", name, len(np.unique(labels)))
    np.savez_compressed(HERE / "google_rule.npz", **kept)


def published_graph(prefix):
    """The network of the ``.meta`` graph, which was made for training on machines of Google's, as a function."""
    import tensorflow.compat.v1 as tf
    from tensorflow.core.protobuf import meta_graph_pb2

    tf.disable_eager_execution()
    stored = meta_graph_pb2.MetaGraphDef()
    stored.ParseFromString(Path(f"{prefix}.meta").read_bytes())
    nodes = {node.name: node for node in stored.graph_def.node}
    (logits,) = [n.name for n in nodes.values() if n.op == "Add" and "seed_update/conv_lom/BiasAdd" in n.input]
    needed, waiting = set(), [logits]
    while waiting:
        name = waiting.pop().split(":")[0].lstrip("^")
        if name not in needed:
            needed.add(name)
            waiting += [] if name in ("patches", "seed") else nodes[name].input
    graph = tf.GraphDef()
    for node in stored.graph_def.node:
        if node.name not in needed:
            continue
        copied = graph.node.add()
        copied.CopyFrom(node)
        copied.device = ""
        if "_output_shapes" in copied.attr:
            del copied.attr["_output_shapes"]
        if node.name in ("patches", "seed"):  # readers of files there, and of a fixed batch
            copied.Clear()
            copied.name, copied.op = node.name, "Placeholder"
            copied.attr["dtype"].type = 1
    tf.import_graph_def(graph, name="")
    session, reader = tf.Session(), tf.train.load_checkpoint(str(prefix))
    for node in graph.node:
        if node.op == "VariableV2":
            variable = session.graph.get_tensor_by_name(f"{node.name}:0")
            session.run(tf.raw_ops.Assign(ref=variable, value=reader.get_tensor(node.name)))
    return lambda image, seed: session.run(f"{logits}:0", {"patches:0": image[..., None], "seed:0": seed[..., None]})


class GraphClient(RuleClient):
    def __init__(self, prefix):
        self.run = published_graph(prefix)

    def predict(self, seed, image, fetches):
        return {"logits": self.run(np.asarray(image)[None], np.asarray(seed)[None])[0]}


def grey_of(folder):
    from PIL import Image

    files = sorted((folder / "grayscale_maps").glob("*.png"), key=lambda path: int(path.name.split(".")[1]))
    return np.stack([np.asarray(Image.open(path)) for path in files])


def face_margin(prob, deltas, threshold):
    """How much a logit must change before another move is queued, or in another order."""
    centre = np.array(prob.shape) // 2
    inner = [slice(c - d, c + d + 1) for c, d in zip(centre, deltas, strict=True)]
    least, scores = np.inf, {}
    for axis in range(3):
        for step in (-deltas[axis], deltas[axis]):
            at = list(inner)
            at[axis] = centre[axis] + step
            face = prob[tuple(at)]
            first, second = np.sort(face.ravel())[[-1, -2]]
            least = min(least, abs(first - threshold))
            if first >= threshold:
                least = min(least, first - second)
                place = list(np.unravel_index(face.argmax(), face.shape))
                place.insert(axis, step + deltas[axis])
                scores[tuple(place)] = first
    ordered = np.sort(list(scores.values()))
    return float(min([least, *np.diff(ordered)]))


def write_moves(folder, steps):
    from scipy.special import logit

    image = ((grey_of(folder).astype(np.float32) - 128) / 33).astype(np.float32)
    canvas, moves = canvas_of(
        GraphClient(folder / "google_ffn" / "model.ckpt-27465036"),
        image,
        (33,) * 3,
        (8,) * 3,
        options(min_segment_size=1000),
    )
    margins, samples, start = [], [], (58, 172, 204)
    places = np.random.PCG64(3).random_raw((steps, SAMPLES)) % np.uint64(33**3)
    update = canvas.update_at

    class Enough(Exception):
        pass

    def told(pos):
        logits = update(pos)
        margins.append(face_margin(logits, (8,) * 3, float(logit(0.9))))
        samples.append(logits.ravel()[places[len(samples)].astype(np.int64)])
        if len(samples) % 10 == 0:
            print(len(samples), moves[-1], flush=True)
        if len(samples) == steps:
            raise Enough
        return logits

    canvas.update_at = told
    ended = False
    try:
        canvas.segment_at(start)
        ended = True
    except Enough:
        pass
    below = [i for i, margin in enumerate(margins) if margin < 1e-3]
    print(len(moves), "moves; first margin below 1e-3 at", below[:5], "ended by itself:", ended)
    np.savez_compressed(
        HERE / "google_moves.npz",
        start=np.array(start, dtype=np.int16),
        moves=np.array(moves, dtype=np.int16),
        margins=np.array(margins, dtype=np.float32),
        places=places[: len(samples)].astype(np.uint16),
        logits=np.array(samples, dtype=np.float32),
    )


if __name__ == "__main__":
    if sys.argv[1] == "rule":
        write_rule()
    else:
        write_moves(Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 160)
