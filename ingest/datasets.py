"""Public connectomes by name: where each is kept, its units, versions, licence, and what to look out for.

Nothing is fetched unless ``fetch`` is called. What is not known for certain is left out rather than guessed;
addresses in buckets (``gs://``) name what other readers of this package open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from ingest.remote_files import RemoteFile, fetch_file
from ingest.running.progress import Progress
from ingest.schema.errors import ReadError, UnknownNameError
from ingest.segclr.embedding_reader import DATA_URL_FROM_KEY_BYTEWIDTH64

GITHUB = "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known of one public data set."""

    name: str
    about: str
    files: tuple[RemoteFile, ...]
    citation: str
    licence: str
    version: str | None = None
    """Materialization, release or commit."""
    resolution: str | None = None
    """nm per voxel XYZ of the positions in its files, where they are voxels."""
    embeddings: Mapping[str, str] = field(default_factory=dict)
    """SegCLR releases: key of ``get_reader`` -> folder of CSV-ZIP shards (64-byte key, 10,000 shards)."""
    traps: tuple[str, ...] = ()


def _github(repository: str, commit: str, *files: RemoteFile) -> tuple[RemoteFile, ...]:
    """Files by their path in a commit of a repository."""
    return tuple(replace(file, url=f"{GITHUB}/{repository}/{commit}/{quote(file.url)}") for file in files)


def _segclr(prefix: str) -> dict[str, str]:
    return {key: url for key, url in DATA_URL_FROM_KEY_BYTEWIDTH64.items() if key.startswith(prefix)}


_NODES = RemoteFile(
    "data/cache/nodes.parquet",
    440446,
    "neurons",
    {"root_id": "node_id", "nt_type": "neurotransmitter"},
    sha256="341d3e23eeb51c2a6c036a13a9430a29b41ec2b51dc28f59f3b2be6d6c31447e",
)
_EDGES = {"pre_root_id": "source_id", "post_root_id": "target_id", "weight": "synapse_weight"}

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "celegans_varshney2011",
            "C. elegans hermaphrodite wiring: 279 neurons, chemical and electrical",
            _github(
                "RexYing/C-elegans-connectome",
                "5cbec639425a9510274a505a983cc27d2b1d69d4",
                RemoteFile(
                    "data/herm/NeuronConnect.xls",
                    518144,
                    "connections",
                    {"pre_name": "Neuron 1", "post_name": "Neuron 2", "weight": "Nbr"},
                    {"Type": ("S", "Sp")},
                    sha256="58105d0e7a825f568a19c904a5e34442352c8e8ba8c37bae15424ee4c0686246",
                ),
            )
            + _github(
                "lrvarshney/elegans",
                "07d10c2d43b3da9a1fefed2e8658a98dc4310765",
                RemoteFile(
                    "ConnOrdered_040903.mat",
                    66328,
                    "connections",
                    options={"variable": "A_init_t_ordered"},
                    sha256="bd05af64c7d8c14ff44988e0f009b45d1ebe7db0b7194fff341fc4885cc91d38",
                ),
            ),
            "Varshney et al. 2011 PLoS Comput Biol 7:e1001066",
            "none stated in the repositories; the paper is CC BY",
            traps=(
                "Type R and Rp repeat the rows of S and Sp from the receiver's side: keep S and Sp",
                "Type EJ is a gap junction (kind electrical), NMJ a neuromuscular junction",
                "the two files hold the same chemical wiring: ingest one of them",
            ),
        ),
        Dataset(
            "celegans_cook2019",
            "C. elegans, whole animal, both sexes: adjacency matrices, rows presynaptic",
            _github(
                "neurodata/bgm",
                "3cc3cac05c8de90c90ec723dd116c83ed812db45",
                RemoteFile(
                    "data/c_elegans/herm_chem_adj.csv",
                    146249,
                    "connections",
                    sha256="0ecb228c825ef2e7860ef4643684ce42d6154bc3b023317f87638d98faf07d07",
                ),
                RemoteFile(
                    "data/c_elegans/male_chem_adj.csv",
                    231818,
                    "connections",
                    sha256="11b84a47eac604b9b5f42ecdd288e854447041eec37882cfcc55a330aff61e6f",
                ),
            )
            + _github(
                "BenThrelfall/the_worm_machine",
                "6eaa574b5f3c70e8e648f655040f94e81eb85d85",
                RemoteFile(
                    "SI 5 Connectome adjacency matrices, corrected July 2020.xlsx",
                    4188190,
                    "connections",
                    options={"sheet": "hermaphrodite chemical"},
                    name="SI5_connectome_adjacency_matrices_corrected_July2020.xlsx",
                    sha256="1f4fdbf84746b69b49a8da0816f52787860ce349b638dce37924ba80f90c70c9",
                ),
            ),
            "Cook et al. 2019 Nature 571:63-71",
            "MIT (csv repository); none stated for the workbook's",
            version="SI 5, corrected July 2020",
            traps=(
                "a weight is a number of EM serial sections, not of synapses",
                "muscles and other end organs are among the labels; the two sexes are two graphs",
            ),
        ),
        Dataset(
            "celegans_witvliet2021",
            "Eight isogenic C. elegans brains from birth to adult, polyadic synapses",
            _github(
                "dwitvliet/nature2021",
                "0646af9d25896ae660f97d462eab2d67282f5625",
                RemoteFile(
                    "tables/synapse_list.csv",
                    1287223,
                    "synapses",
                    "witvliet",
                    {"dataset": ("Dataset1",)},
                    sha256="36c431f25e72cd82946239a2eb555c1ed4494a2036092105bd37eb161ecf9340",
                ),
            ),
            "Witvliet et al. 2021 Nature 596:257-261",
            "none stated",
            traps=(
                "each stage is a graph of its own: keep dataset=Dataset1 to Dataset8",
                "one release site is several rows that share syn_id",
            ),
        ),
        Dataset(
            "larva_winding2023",
            "Drosophila L1 larva, whole brain: skeleton ids and synapse counts",
            _github(
                "neurodata/bilateral-connectome",
                "2f56a81187c364fa461ea8d99c299b2a75e58f69",
                RemoteFile(
                    "data/elife/meta_data.csv",
                    2848654,
                    "neurons",
                    sha256="9f393b4c481d31926aa46d031061a559db7999afe76a6ad7d740db43c6f785f4",
                ),
                RemoteFile(
                    "data/elife/G_edgelist.txt",
                    2514626,
                    "connections",
                    header=False,
                    sha256="4f1e576776a1a02d3cc103d997e1ea7fa41a1f0e47859d94ee8f83790e2ed216",
                ),
            ),
            "Winding et al. 2023 Science 379:eadd9330; Pedigo et al. 2023 eLife 12:e83739",
            "MIT (repository); data of Winding et al.",
            traps=(
                "presumably the sum of the four axon-dendrite edge types; the file does not say",
                "meta_data.csv names more neurons than the edge list connects",
                "577 of the 119,010 rows are autapses",
            ),
        ),
        Dataset(
            "flywire_783_olfactory_mb_subset",
            "Part of FlyWire v783 around ALPN, Kenyon cells and MBON",
            _github(
                "colehanan1/Plasticity-Guided-Connectome-Network-PGCN",
                "b7d5f1bcb815bfbc3fbd37ea89bc3f897e5b1fed",
                _NODES,
                RemoteFile(
                    "data/cache/edges.parquet",
                    206028,
                    "connections",
                    _EDGES,
                    sha256="a1aac062abdb68c0b1829ef524b688744ec1f7e8aaa49f41f162c1f54baba79e",
                ),
            ),
            "Dorkenwald et al. 2024 Nature 634:124; Schlegel et al. 2024 Nature 634:139",
            "none stated in the repository; the FlyWire release is CC BY-NC 4.0",
            version="783",
            traps=(
                "column `type` is a third party's guess and wrong for many neurons: use `class` and `cell_type`",
                "x, y, z are zero in every row",
                "weights below 5 exist; three pairs have two rows",
            ),
        ),
        Dataset(
            "microns_l23_v185",
            "MICrONS phase 1 (pinky100), layer 2/3 mouse V1: synapses between proofread pyramidal cells",
            _github(
                "AllenInstitute/OFS-EM-Connectomics",
                "413f2dd03adc7200aefd72fa3deb0a15aa6d1e38",
                RemoteFile(
                    "data/soma_valence_v185.csv",
                    31336,
                    "neurons",
                    "cave",
                    sha256="4d1ecffea0706dddc457badb7d12faa473957d6d8e983533a725ed6d515651fc",
                ),
                RemoteFile(
                    "data/soma_subgraph_synapses_spines_v185.csv",
                    274298,
                    "synapses",
                    {
                        "synapse_id": "id",
                        "x_nm": "ctr_pt_x_nm",
                        "y_nm": "ctr_pt_y_nm",
                        "z_nm": "ctr_pt_z_nm",
                        "size": "cleft_vx",
                    },
                    sha256="ac22845bf2078fad27f895b0d4ab1f8b1bf980a2f00056be3f1eec6183770ae4",
                ),
            ),
            "Dorkenwald et al. 2022 eLife 11:e76120; Turner et al. 2022 Cell 185:1082-1100",
            "Allen Institute Software License (BSD-2 without commercial use)",
            version="185",
            resolution="4,4,40",
            traps=(
                "soma_y_nm equals soma_x_nm in every row: use pt_position with 4,4,40 nm",
                "456 soma rows hold 453 root ids",
                "104 of the 334 connected neurons are presynaptic",
            ),
        ),
        Dataset(
            "zebrafish_vishwanathan2024",
            "Larval zebrafish hindbrain: 609 neurons, synapse counts",
            _github(
                "allierc/connectome-gnn",
                "9da9f512c71934b83746797c585efaf0d13f1fdf",
                RemoteFile(
                    "papers/Code_NN/Code_NN/Data/Figure5/goldman_data/ConnMatrix_CO_top500_2blocks_gamma038_08062020.mat",
                    17808,
                    "connections",
                    sha256="1005152401c10eb10fedcca5c6bdc9816655ce1e4ec9642bd4a6dda6f0f3667b",
                ),
            ),
            "Vishwanathan et al. 2024 Nat Neurosci 27:2443-2454; Beiran & Litwin-Kumar 2025",
            "Janelia open-source licence (repository); the paper's text CC BY-NC-ND",
            traps=("neurons have no names in the file: they are numbered 1 to 609 in its order",),
        ),
        Dataset(
            "ciona_ryan2016",
            "Ciona larva, central nervous system: 222 neurons",
            _github(
                "neurodata/connectocross",
                "554796a082f66383306c443449dfaeee1399f070",
                RemoteFile(
                    "ciona_data/ciona.json",
                    252255,
                    "connections",
                    options={"unweighted": "leave_out"},
                    sha256="be50b17e60273da22e9ad6e6715ec76a53ff97572263e3093f603eb50c3a3f05",
                ),
            ),
            "Ryan, Lu, Meinertzhagen 2016 eLife 5:e16962",
            "MIT",
            traps=(
                "a weight is the cumulative depth of contact in micrometres, not a count",
                "17 of the 3,122 links have no weight",
                "the same file holds the neurons: ingest it --as neurons, too",
            ),
        ),
        Dataset(
            "microns",
            "MICrONS minnie65, mouse visual cortex: SegCLR embeddings",
            (),
            "SegCLR: PMC10703674",
            "not known here: see the bucket",
            version="343; 117 for microns_v117",
            resolution="32,32,40",
            embeddings=_segclr("microns"),
            traps=(
                "positions are voxels of 32,32,40 nm, except in the sets called nm_coord",
                "sets without public_offset need offset=microns (110592, 110592, 592640 nm)",
                "newer releases (m943, m1300) hash an 8-byte key over 50,000 shards, and m943 has 128 floats a row",
            ),
        ),
        Dataset(
            "h01",
            "H01, human temporal cortex: SegCLR embeddings",
            (),
            "SegCLR: PMC10703674",
            "not known here: see the bucket",
            version="c3",
            resolution="32,32,33",
            embeddings=_segclr("h01"),
            traps=("positions are voxels of 32,32,33 nm, except in the sets called nm_coord",),
        ),
    )
}


def dataset(name: str) -> Dataset:
    """What is known of a public data set.

    Raises:
        UnknownNameError: with the nearest names there are.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]


def fetch(which: str | Dataset, folder: str | Path, progress: Progress | None = None) -> list[tuple[Path, RemoteFile]]:
    """Bring the files of a data set into a folder; those that are there already are kept.

    Args:
        which: a name of ``DATASETS`` or a Dataset of one's own.
        folder: made when missing.
        progress: called with (bytes so far, bytes known of) of the file under way.

    Returns:
        Each file with the description that says how to ingest it.

    Raises:
        ReadError: not reachable, another size than known, or a data set of embeddings, which are no files to copy.
    """
    chosen = dataset(which) if isinstance(which, str) else which
    if not chosen.files:
        shards = ", ".join(f"{key}: {url}" for key, url in chosen.embeddings.items())
        raise ReadError(f"{chosen.name} has no files to fetch; its embeddings are read in place ({shards})")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return [(fetch_file(file, target, progress), file) for file in chosen.files]
