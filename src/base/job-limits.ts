/**
 * Limits of jobs, beside those of all else (limits.ts), which commands load that have nothing to do with jobs. Whoever
 * reads a job counts on them: a text within them is read in time that grows with its length, and no faster.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

export const jobLimits = {
  // — jobs (code `bad-input` unless said) —
  /** Of the text of one job (`job-unreadable`). Its scripts are in it; larger payloads are files. */
  jobBytesMax: 1 * MiB,
  /** Characters of texts that a server keeps as it has read them, all together: they take some ten times as much. */
  jobTextsKeptLengthMax: 4 * MiB,
  /** Lines of it (`job-unreadable`): two versions are compared line by line. */
  jobLinesMax: 20_000,
  /** Words, signs, blanks and line ends of it (`job-unreadable`): a job of a thousand steps has some eighty thousand. */
  jobTokensMax: 200_000,
  /** Keys and values of it (`job-unreadable`). */
  jobValuesMax: 50_000,
  /** Lists and maps within each other (`job-unreadable`); a job as it should be has seven. */
  jobDepthMax: 24,
  jobStagesMax: 1_000,
  /** Of all stages together. Ten times a large one; each is read, checked and planned at every start. */
  jobStepsMax: 2_000,
  /** That one stage or step may need by name: all stages of a job may flow into one. */
  jobNeedsMax: 1_000,
  jobParametersMax: 100,
  jobTagsMax: 32,
  /** Channels that a job says are to be told of its runs. */
  jobNotifyMax: 20,
  jobChoicesMax: 500,
  jobDescriptionLengthMax: 10_000,
  /** Of the value of a parameter that is one line. */
  jobStringLengthMax: 2_048,
  /** Of the value of a parameter that is a text: a script is given it as one variable. */
  jobTextBytesMax: 64 * KiB,
  jobPatternLengthMax: 500,
  /** Places of all patterns of a job, repetitions written out: each is held against each character of a value. */
  jobPatternStatesMax: 1_000,
  /** What the expressions of all steps become together at a start (`parameter-invalid`): a few bytes may stand for a long value. */
  jobFilledBytesMax: 4 * MiB,
  /** Values of parameters times the steps that are given them (`parameter-invalid`): each step keeps its own. 2 KiB for the most steps. */
  jobGivenBytesMax: 4 * MiB,
  /** Outputs that a step may declare: as many as an execution may tell. */
  jobOutputsMax: 64,
  /** What they are together, drawn together of all hosts (the step fails): they are kept with it, and held by the owner of its run. */
  jobOutputsBytesMax: 256 * KiB,
  /** Those of all steps of a run (the step that comes beyond fails): whoever looks at the run is given them. */
  jobRunOutputsBytesMax: 4 * MiB,
  /** What its hosts may have told of them, all hosts together (the step fails): held by the owner of its run. */
  jobToldBytesMax: 4 * MiB,
  /** Executions of a run of a job, all of its steps together (`too-many-targets`): 400 B each in the owner's memory. */
  jobExecutionsMax: 200_000,
  /** Jobs of one installation (`too-many-jobs`), retired ones included. */
  jobsMax: 10_000,
  /** Versions of one job (`too-many-jobs`). */
  jobVersionsMax: 1_000,
  /** Lines by which two versions may differ and be told one by one; beyond it they are told as a whole. */
  jobDiffLinesMax: 1_000,
  /** Jobs that one command takes: a folder of them. */
  jobsPerCommandMax: 1_000,

  // — definitions of other schedulers (`drover job convert`, which no server is asked for) —
  /** Files of one project. */
  convertFilesMax: 10_000,
  /** Their texts together; what else a project holds is named, and not read. */
  convertBytesMax: 16 * MiB,
  /** An archive as it is, with all that it holds; a larger one is unpacked to a folder first. */
  convertArchiveBytesMax: 64 * MiB,

  // — runs under way —
  /**
   * What the runs under way of one token are together to the memory of their owners (`too-many-runs`): 8 KiB a run, 1 KiB a step, 512 B an
   * execution that a step comes to. Some 27,000 scripts that wait for a host, or 85 runs of the most steps, or two of the most executions.
   */
  runsUnderWayBytesMax: 256 * MiB,

  // — conditions (`job-expression`) —
  /** Characters of the expression of a condition. */
  conditionLengthMax: 2_000,
  /** Brackets and `not` within each other. */
  conditionDepthMax: 16,
  /** Values, comparisons and what joins them: each is looked at once when it is decided. */
  conditionPartsMax: 200,
  /** Places of the patterns of one expression, repetitions written out: each is held against each character of a value. */
  conditionPatternPlacesMax: 200,
  /** Of a value that is held against a pattern; a longer one matches none. */
  conditionMatchLengthMax: 1_024,

  /**
   * What choosing hosts of steps (`hosts( … )`) may cost in a run: characters that are read, 16 for each comparison and for each place of a
   * pattern that is held against a character. A step that would take more begins on no host (`bad-input`).
   */
  hostChoiceWorkMax: 256 * MiB,

  // — items (a step that is done once for each of several) —
  /** Of one step (`bad-input`; the step is not started, where a step before has told more). */
  itemsMax: 1_000,
  /** Characters of one. */
  itemLengthMax: 255,

  // — rollouts —
  /** Batches of a rollout that are written out; the last is repeated. */
  batchWordsMax: 50,
  /** Batches of a step, counted through (`too-many-batches`). */
  batchesMax: 1_000,
  /** Longest time between two batches, ms. */
  betweenMsMax: 30 * 24 * 3_600_000,

  // — tasks without hosts —
  /** Processes that a worker has under way at once on its own machine, where it takes any. `drover worker --process-capacity` */
  workerProcessExecutionsDefault: 16,
  /** Of what is carried out by what waits in a worker for its own processes, or calls (`worker-full`): the rest waits with its owner. */
  workerOwnQueueBytesMax: 64 * MiB,
  /** The same of what waits for its agents, or goes over SSH (`agent-busy`): there one order is for many hosts. */
  workerQueueBytesMax: 256 * MiB,
} as const;
