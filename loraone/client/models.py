"""Generated from the OpenAPI document by `make types`: what the client reads of answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel


class ApiExperimentsImportPostRequest(BaseModel):
    """
    What export.json gave
    """

    model_config = ConfigDict(
        extra="allow",
    )


class Before(RootModel[int]):
    root: Annotated[
        int,
        Field(
            description="Older versions than this one", ge=1, le=9223372036854775807, title="Before"
        ),
    ]


class Description(RootModel[str]):
    root: Annotated[str, Field(max_length=10000, title="Description")]


class Name(RootModel[str]):
    root: Annotated[str, Field(max_length=200, min_length=1, title="Name")]


class Owner(RootModel[int]):
    root: Annotated[int, Field(ge=1, le=9223372036854776000, title="Owner")]


class Tag(RootModel[str]):
    root: Annotated[str, Field(max_length=40, min_length=1, pattern='^[^\\s:\\"]+$')]


class Tags(RootModel[list[Tag]]):
    root: Annotated[list[Tag], Field(max_length=30, title="Tags")]


class ExperimentChange(BaseModel):
    """
    What may be changed of an experiment; what is left out stays.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    archived: Annotated[bool | None, Field(title="Archived")] = None
    description: Annotated[Description | None, Field(title="Description")] = None
    name: Annotated[Name | None, Field(title="Name")] = None
    owner: Annotated[Owner | None, Field(title="Owner")] = None
    private: Annotated[bool | None, Field(title="Private")] = None
    starred: Annotated[bool | None, Field(title="Starred")] = None
    tags: Annotated[Tags | None, Field(title="Tags")] = None


class HealthOut(BaseModel):
    """
    The server is up.
    """

    status: Annotated[Literal["ok"], Field(title="Status")]
    version: Annotated[str, Field(title="Version")]


class NoteIn(BaseModel):
    """
    A new version of the notes, on top of version ``base`` (0: there were none).
    """

    base: Annotated[int, Field(ge=0, le=9223372036854776000, title="Base")]
    text: Annotated[str, Field(max_length=100000, title="Text")]


class NoteOut(BaseModel):
    """
    One version of an experiment's notes, in Markdown.
    """

    author: Annotated[str, Field(title="Author")]
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    text: Annotated[str, Field(title="Text")]
    version: Annotated[int, Field(title="Version")]


class BestOut(BaseModel):
    """
    What is ahead in an experiment, at its own best learning rate: mean over seeds.

    ``failed`` is how many runs of it failed there.
    """

    failed: Annotated[int, Field(title="Failed")]
    label: Annotated[str, Field(title="Label")]
    learning_rate: Annotated[float, Field(title="Learning Rate")]
    metric: Annotated[str, Field(title="Metric")]
    seeds: Annotated[int, Field(title="Seeds")]
    value: Annotated[float, Field(title="Value")]


class CallerOut(BaseModel):
    """
    Whoever asks. ``id`` is null for one who uses a server without accounts before they launched
    anything, and for a share link; ``password`` says whether they have one here.
    """

    colour: Annotated[str, Field(title="Colour")]
    id: Annotated[int | None, Field(title="Id")]
    name: Annotated[str, Field(title="Name")]
    password: Annotated[bool, Field(title="Password")]
    rights: Annotated[list[Literal["read", "launch", "admin"]], Field(title="Rights")]
    role: Annotated[Literal["viewer", "editor", "administrator"], Field(title="Role")]
    way: Annotated[Literal["here", "session", "token", "proxy", "share"], Field(title="Way")]


class CountsOut(BaseModel):
    """
    How many runs are in each status.
    """

    cancelled: Annotated[int, Field(title="Cancelled")]
    failed: Annotated[int, Field(title="Failed")]
    queued: Annotated[int, Field(title="Queued")]
    running: Annotated[int, Field(title="Running")]
    succeeded: Annotated[int, Field(title="Succeeded")]


class FieldProblem(BaseModel):
    """
    What is wrong with one field: its path, the value given, the range allowed.
    """

    allowed: Annotated[str | None, Field(title="Allowed")] = None
    hint: Annotated[str | None, Field(title="Hint")] = None
    message: Annotated[str, Field(title="Message")]
    path: Annotated[str, Field(title="Path")]
    value: Annotated[str | int | float | bool | None, Field(title="Value")] = None


class LayerOut(BaseModel):
    """
    A target layer: its name in the model, as people say it, the class it belongs to, and which
    expert's matrix it is, if it is one's.
    """

    expert: Annotated[int | None, Field(title="Expert")]
    label: Annotated[str, Field(title="Label")]
    module: Annotated[str, Field(title="Module")]
    name: Annotated[str, Field(title="Name")]


class SizeOut(BaseModel):
    """
    In bytes: rows of the database (an estimate), files of runs, and their logs.
    """

    files: Annotated[int, Field(title="Files")]
    logs: Annotated[int, Field(title="Logs")]
    rows: Annotated[int, Field(title="Rows")]
    total: Annotated[int, Field(title="Total")]


class WaitingOut(BaseModel):
    """
    All runs of an experiment that wait: how many, and between which priorities.
    """

    experiment: Annotated[int, Field(title="Experiment")]
    highest: Annotated[int, Field(title="Highest")]
    lowest: Annotated[int, Field(title="Lowest")]
    runs: Annotated[int, Field(title="Runs")]


class ErrorOut(BaseModel):
    """
    Why a run failed, and what to do.
    """

    allowed: Annotated[str | None, Field(title="Allowed")] = None
    code: Annotated[str, Field(title="Code")]
    field: Annotated[str | None, Field(title="Field")] = None
    hint: Annotated[str | None, Field(title="Hint")] = None
    message: Annotated[str, Field(title="Message")]
    value: Annotated[str | None, Field(title="Value")] = None


class ApiExperimentsExperimentIdNotesGetResponse(RootModel[list[NoteOut]]):
    root: Annotated[list[NoteOut], Field(title="Response History Read Notes")]


class DeletedOut(BaseModel):
    """
    What was put into the bin: by ``deletions`` it is restored. ``size`` is what is freed when
    the bin is emptied, at the latest after ``until``.
    """

    deletions: Annotated[list[int], Field(title="Deletions")]
    experiments: Annotated[int, Field(title="Experiments")]
    runs: Annotated[int, Field(title="Runs")]
    size: SizeOut
    until: Annotated[AwareDatetime, Field(title="Until")]


class ExperimentOut(BaseModel):
    """
    An experiment as a list shows it; ``colour`` is the author's, where they are who owns it.
    """

    archived: Annotated[bool, Field(title="Archived")]
    author: Annotated[str, Field(title="Author")]
    best: BestOut | None
    colour: Annotated[str | None, Field(title="Colour")]
    counts: CountsOut
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    data: Annotated[str, Field(title="Data")]
    description: Annotated[str, Field(title="Description")]
    id: Annotated[int, Field(title="Id")]
    methods: Annotated[list[str], Field(title="Methods")]
    model: Annotated[str, Field(title="Model")]
    name: Annotated[str, Field(title="Name")]
    owner: Annotated[int | None, Field(title="Owner")]
    private: Annotated[bool, Field(title="Private")]
    starred: Annotated[bool, Field(title="Starred")]
    status: Annotated[
        Literal["queued", "running", "succeeded", "failed", "cancelled"], Field(title="Status")
    ]
    tags: Annotated[list[str], Field(title="Tags")]
    task: Annotated[str, Field(title="Task")]


class ImportedOut(BaseModel):
    """
    An experiment that came from another server; ``left_out`` is what of it stayed there, a
    sentence each.
    """

    archived: Annotated[bool, Field(title="Archived")]
    author: Annotated[str, Field(title="Author")]
    best: BestOut | None
    colour: Annotated[str | None, Field(title="Colour")]
    counts: CountsOut
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    data: Annotated[str, Field(title="Data")]
    description: Annotated[str, Field(title="Description")]
    id: Annotated[int, Field(title="Id")]
    left_out: Annotated[list[str], Field(title="Left Out")]
    methods: Annotated[list[str], Field(title="Methods")]
    model: Annotated[str, Field(title="Model")]
    name: Annotated[str, Field(title="Name")]
    owner: Annotated[int | None, Field(title="Owner")]
    private: Annotated[bool, Field(title="Private")]
    starred: Annotated[bool, Field(title="Starred")]
    status: Annotated[
        Literal["queued", "running", "succeeded", "failed", "cancelled"], Field(title="Status")
    ]
    tags: Annotated[list[str], Field(title="Tags")]
    task: Annotated[str, Field(title="Task")]


class MeOut(BaseModel):
    """
    Who asks, null where nobody has signed in, and how people come to this server.

    ``button`` is what the identity provider's button says, null where there is none.
    """

    administrator_exists: Annotated[bool, Field(title="Administrator Exists")]
    auth: Annotated[Literal["none", "local", "oidc", "proxy"], Field(title="Auth")]
    button: Annotated[str | None, Field(title="Button")]
    person: CallerOut | None
    public_url: Annotated[str | None, Field(title="Public Url")]
    sign_in_needed: Annotated[bool, Field(title="Sign In Needed")]


class Problem(BaseModel):
    """
    The body of every error response.
    """

    detail: Annotated[str, Field(title="Detail")]
    errors: Annotated[list[FieldProblem], Field(title="Errors", validate_default=True)] = []
    status: Annotated[int, Field(title="Status")]
    title: Annotated[str, Field(title="Title")]
    type: Annotated[str, Field(title="Type")] = "about:blank"


class RunOut(BaseModel):
    """
    A run and where it stands.
    """

    attempt: Annotated[int, Field(title="Attempt")]
    done: Annotated[int, Field(title="Done")]
    error: ErrorOut | None
    experiment_id: Annotated[int, Field(title="Experiment Id")]
    finished_at: Annotated[AwareDatetime | None, Field(title="Finished At")]
    has_adapter: Annotated[bool, Field(title="Has Adapter")]
    id: Annotated[int, Field(title="Id")]
    label: Annotated[str, Field(title="Label")]
    lane: Annotated[str | None, Field(title="Lane")]
    learning_rate: Annotated[float, Field(title="Learning Rate")]
    method: Annotated[str, Field(title="Method")]
    notes: Annotated[list[str], Field(title="Notes")]
    phase: Annotated[str | None, Field(title="Phase")]
    priority: Annotated[int, Field(title="Priority")]
    queued_at: Annotated[AwareDatetime, Field(title="Queued At")]
    rank: Annotated[int | None, Field(title="Rank")]
    reason: Annotated[str | None, Field(title="Reason")]
    seed: Annotated[int, Field(title="Seed")]
    started_at: Annotated[AwareDatetime | None, Field(title="Started At")]
    status: Annotated[
        Literal["queued", "running", "succeeded", "failed", "cancelled"], Field(title="Status")
    ]
    summary: Annotated[dict[str, float | None] | None, Field(title="Summary")]
    total: Annotated[int, Field(title="Total")]
    warnings: Annotated[list[str], Field(title="Warnings")]


class ExperimentDetailOut(BaseModel):
    """
    An experiment with its spec, runs, layers, and the steps at which alignment was measured.

    ``spec`` is what was stored, in today's form. ``problems`` say why it cannot be launched again
    here, such as a method that is not installed; there are none where it can. ``comments`` is how
    many there are to be read; for a guest, none.
    """

    archived: Annotated[bool, Field(title="Archived")]
    author: Annotated[str, Field(title="Author")]
    best: BestOut | None
    colour: Annotated[str | None, Field(title="Colour")]
    comments: Annotated[int, Field(title="Comments")]
    counts: CountsOut
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    data: Annotated[str, Field(title="Data")]
    description: Annotated[str, Field(title="Description")]
    id: Annotated[int, Field(title="Id")]
    layers: Annotated[list[LayerOut], Field(title="Layers")]
    methods: Annotated[list[str], Field(title="Methods")]
    model: Annotated[str, Field(title="Model")]
    name: Annotated[str, Field(title="Name")]
    owner: Annotated[int | None, Field(title="Owner")]
    private: Annotated[bool, Field(title="Private")]
    problems: Annotated[list[FieldProblem], Field(title="Problems")]
    runs: Annotated[list[RunOut], Field(title="Runs")]
    spec: Annotated[dict[str, Any], Field(title="Spec")]
    starred: Annotated[bool, Field(title="Starred")]
    status: Annotated[
        Literal["queued", "running", "succeeded", "failed", "cancelled"], Field(title="Status")
    ]
    steps: Annotated[list[int], Field(title="Steps")]
    tags: Annotated[list[str], Field(title="Tags")]
    task: Annotated[str, Field(title="Task")]


class LaneOut(BaseModel):
    """
    A device, the run on it and how long that will take yet; memory in use, °C if known. One
    that is ``busy`` without a run has one that is private to another.
    """

    busy: Annotated[bool, Field(title="Busy")]
    memory_bytes: Annotated[int | None, Field(title="Memory Bytes")]
    mode: Annotated[Literal["open", "paused", "drained"], Field(title="Mode")]
    name: Annotated[str, Field(title="Name")]
    run: RunOut | None
    seconds_left: Annotated[float | None, Field(title="Seconds Left")]
    temperature: Annotated[float | None, Field(title="Temperature")]


class QueueOut(BaseModel):
    """
    Lanes, what waits for them in order, and what failed last.

    ``queued`` are the first of ``waiting``; ``waiting_by_experiment`` counts all of them, for the
    experiments whose turn comes first; ``waiting_hidden`` are private to others. ``experiments``
    and ``owners`` have a row for each experiment that is named here. ``out_of_hours`` are those of
    the owners who have had their lane hours of this week: their runs wait until some are over.
    """

    experiments: Annotated[dict[str, str], Field(title="Experiments")]
    failed: Annotated[list[RunOut], Field(title="Failed")]
    lanes: Annotated[list[LaneOut], Field(title="Lanes")]
    last_change: Annotated[int, Field(title="Last Change")]
    notices: Annotated[list[str], Field(title="Notices")]
    out_of_hours: Annotated[list[int], Field(title="Out Of Hours")]
    owners: Annotated[dict[str, int | None], Field(title="Owners")]
    queued: Annotated[list[RunOut], Field(title="Queued")]
    seconds_left: Annotated[float | None, Field(title="Seconds Left")]
    waiting: Annotated[int, Field(title="Waiting")]
    waiting_by_experiment: Annotated[list[WaitingOut], Field(title="Waiting By Experiment")]
    waiting_hidden: Annotated[int, Field(title="Waiting Hidden")]
