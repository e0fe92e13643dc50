-- The first schema. Frozen: what changes later is a new revision.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE bucket (
    name VARCHAR NOT NULL,
    tokens FLOAT NOT NULL,
    filled_at TIMESTAMPTZ NOT NULL,
    blocked_until TIMESTAMPTZ,
    PRIMARY KEY (name)
) WITH (fillfactor = 70);

CREATE TABLE channel (
    id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    is_private BOOLEAN NOT NULL,
    is_shared BOOLEAN NOT NULL,
    is_archived BOOLEAN NOT NULL,
    is_member BOOLEAN NOT NULL,
    synced_at TIMESTAMPTZ,
    PRIMARY KEY (id)
);

CREATE TABLE code_version (
    id BIGSERIAL NOT NULL,
    fingerprint VARCHAR NOT NULL,
    commit VARCHAR,
    branch VARCHAR,
    remote VARCHAR,
    subject VARCHAR,
    dirty BOOLEAN NOT NULL,
    diff TEXT,
    entry VARCHAR,
    command VARCHAR,
    PRIMARY KEY (id),
    UNIQUE (fingerprint)
);
CREATE INDEX ix_code_version_commit ON code_version (commit);

CREATE TABLE environment (
    id BIGSERIAL NOT NULL,
    fingerprint VARCHAR NOT NULL,
    python VARCHAR,
    libraries JSONB DEFAULT '{}' NOT NULL,
    hardware JSONB DEFAULT '{}' NOT NULL,
    host VARCHAR,
    PRIMARY KEY (id),
    UNIQUE (fingerprint)
);

CREATE TABLE job_crash (
    job_id BIGSERIAL NOT NULL,
    crashes INTEGER NOT NULL,
    PRIMARY KEY (job_id)
);

CREATE TABLE log_chunk (
    id BIGSERIAL NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    run_id BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    first_line BIGINT NOT NULL,
    lines INTEGER NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX ix_log_chunk_run_id_at ON log_chunk (run_id, at);
ALTER TABLE log_chunk ALTER COLUMN data SET STORAGE EXTERNAL; -- compressed already

CREATE TABLE membership (
    channel_id VARCHAR NOT NULL,
    slack_id VARCHAR NOT NULL,
    PRIMARY KEY (channel_id, slack_id)
);
CREATE INDEX ix_membership_slack_id ON membership (slack_id);

CREATE TABLE metric_chunk (
    id BIGSERIAL NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    run_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    steps FLOAT[] NOT NULL,
    times FLOAT[] NOT NULL,
    values FLOAT[] NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX ix_metric_chunk_run_id_name ON metric_chunk (run_id, name);
-- Floats hardly compress, and trying costs more than the rest of storing them.
ALTER TABLE metric_chunk
    ALTER COLUMN steps SET STORAGE EXTERNAL,
    ALTER COLUMN times SET STORAGE EXTERNAL,
    ALTER COLUMN values SET STORAGE EXTERNAL;

CREATE TABLE outbox (
    id BIGSERIAL NOT NULL,
    key VARCHAR NOT NULL,
    lane VARCHAR NOT NULL,
    method VARCHAR NOT NULL,
    body JSONB DEFAULT '{}' NOT NULL,
    parent_key VARCHAR,
    target_key VARCHAR,
    state VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    not_before TIMESTAMPTZ,
    result JSONB,
    error VARCHAR,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    PRIMARY KEY (id),
    UNIQUE (key)
);
CREATE INDEX ix_outbox_unsent ON outbox (lane, id) WHERE state IN ('waiting', 'sending');

CREATE TABLE person (
    id BIGSERIAL NOT NULL,
    slack_id VARCHAR,
    name VARCHAR NOT NULL,
    time_zone VARCHAR,
    logins JSONB DEFAULT '[]' NOT NULL,
    is_bot BOOLEAN NOT NULL,
    is_guest BOOLEAN NOT NULL,
    is_gone BOOLEAN NOT NULL,
    settings JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (slack_id)
);
CREATE INDEX ix_person_name ON person (name);

CREATE TABLE project (
    id BIGSERIAL NOT NULL,
    name VARCHAR NOT NULL,
    channel_id VARCHAR,
    threading VARCHAR NOT NULL,
    key_metric VARCHAR,
    goals JSONB DEFAULT '{}' NOT NULL,
    baseline_run_id BIGINT,
    settings JSONB DEFAULT '{}' NOT NULL,
    openness VARCHAR NOT NULL,
    next_number INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    archived_at TIMESTAMPTZ,
    PRIMARY KEY (id),
    UNIQUE (name)
);
CREATE INDEX ix_project_channel_id ON project (channel_id);

CREATE TABLE slack_event (
    event_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    body JSONB DEFAULT '{}' NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    handled_at TIMESTAMPTZ,
    PRIMARY KEY (event_id)
);
CREATE INDEX ix_slack_event_received_at ON slack_event (received_at);

CREATE TABLE library_release (
    name VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    checked_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE term_count (
    term VARCHAR NOT NULL,
    notes BIGINT NOT NULL,
    PRIMARY KEY (term)
) WITH (fillfactor = 70);

CREATE TABLE api_token (
    id BIGSERIAL NOT NULL,
    digest VARCHAR NOT NULL,
    hint VARCHAR NOT NULL,
    project_id BIGINT,
    person_id BIGINT,
    scopes JSONB DEFAULT '[]' NOT NULL,
    label VARCHAR,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    PRIMARY KEY (id),
    UNIQUE (digest),
    FOREIGN KEY(project_id) REFERENCES project (id),
    FOREIGN KEY(person_id) REFERENCES person (id)
);
CREATE INDEX ix_api_token_person_id ON api_token (person_id);
CREATE INDEX ix_api_token_project_id ON api_token (project_id);

CREATE TABLE dataset_version (
    id BIGSERIAL NOT NULL,
    project_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    source VARCHAR,
    format VARCHAR,
    rows BIGINT,
    columns INTEGER,
    column_types JSONB DEFAULT '{}' NOT NULL,
    size BIGINT,
    filters VARCHAR,
    first_seen_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ,
    checked_at TIMESTAMPTZ,
    looks JSONB,
    PRIMARY KEY (id),
    UNIQUE (project_id, name, fingerprint),
    FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE INDEX ix_dataset_version_checked_at ON dataset_version (checked_at);
CREATE INDEX ix_dataset_version_project_id ON dataset_version (project_id);

CREATE TABLE note (
    id BIGSERIAL NOT NULL,
    external_id VARCHAR,
    project_id BIGINT NOT NULL,
    author_id BIGINT,
    kind VARCHAR NOT NULL,
    text TEXT NOT NULL,
    heard TEXT,
    title VARCHAR,
    language VARCHAR,
    channel_id VARCHAR,
    ts VARCHAR,
    permalink VARCHAR,
    memo JSONB,
    said_at TIMESTAMPTZ NOT NULL,
    edited_at TIMESTAMPTZ,
    edited_by_id BIGINT,
    deleted_at TIMESTAMPTZ,
    read_at TIMESTAMPTZ,
    length INTEGER NOT NULL,
    terms TSVECTOR,
    vector HALFVEC(384),
    PRIMARY KEY (id),
    UNIQUE (channel_id, ts),
    UNIQUE (external_id),
    FOREIGN KEY(project_id) REFERENCES project (id),
    FOREIGN KEY(author_id) REFERENCES person (id),
    FOREIGN KEY(edited_by_id) REFERENCES person (id)
);
CREATE INDEX ix_note_author_id ON note (author_id);
CREATE INDEX ix_note_edited_by_id ON note (edited_by_id);
CREATE INDEX ix_note_project_id ON note (project_id);
CREATE INDEX ix_note_said_at ON note (said_at);
CREATE INDEX ix_note_terms ON note USING gin (terms);
CREATE INDEX ix_note_vector ON note USING hnsw (vector halfvec_cosine_ops);

CREATE TABLE run (
    id BIGSERIAL NOT NULL,
    uid VARCHAR NOT NULL,
    project_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    owner_id BIGINT,
    "group" VARCHAR,
    parent_id BIGINT,
    parent_source VARCHAR,
    visibility VARCHAR NOT NULL,
    intent VARCHAR,
    summary JSONB DEFAULT '{}' NOT NULL,
    entry VARCHAR,
    host VARCHAR,
    login VARCHAR,
    code_id BIGINT,
    environment_id BIGINT,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    last_seen_at TIMESTAMPTZ NOT NULL,
    expected_by TIMESTAMPTZ,
    progress_done FLOAT,
    progress_total FLOAT,
    ending JSONB,
    readings JSONB,
    announced JSONB DEFAULT '{}' NOT NULL,
    recipe TEXT[] DEFAULT '{}' NOT NULL,
    told_in VARCHAR,
    terms TSVECTOR,
    vector HALFVEC(384),
    PRIMARY KEY (id),
    UNIQUE (project_id, number),
    UNIQUE (uid),
    FOREIGN KEY(project_id) REFERENCES project (id),
    FOREIGN KEY(owner_id) REFERENCES person (id),
    FOREIGN KEY(parent_id) REFERENCES run (id),
    FOREIGN KEY(code_id) REFERENCES code_version (id),
    FOREIGN KEY(environment_id) REFERENCES environment (id)
) WITH (fillfactor = 70);
CREATE INDEX ix_run_code_id ON run (code_id);
CREATE INDEX ix_run_ended_at ON run (ended_at);
CREATE INDEX ix_run_environment_id ON run (environment_id);
CREATE INDEX ix_run_group ON run ("group");
CREATE INDEX ix_run_live ON run (project_id) WHERE state = 'running';
CREATE INDEX ix_run_private ON run (owner_id) WHERE visibility = 'me';
CREATE INDEX ix_run_name ON run (name);
CREATE INDEX ix_run_owner_id ON run (owner_id);
CREATE INDEX ix_run_parent_id ON run (parent_id);
CREATE INDEX ix_run_project_id_started_at ON run (project_id, started_at);
CREATE INDEX ix_run_recipe ON run USING gin (recipe);
CREATE INDEX ix_run_started_at ON run (started_at);
CREATE INDEX ix_run_told_in ON run (told_in);
CREATE INDEX ix_run_terms ON run USING gin (terms);
CREATE INDEX ix_run_vector ON run USING hnsw (vector halfvec_cosine_ops);

CREATE TABLE subscription (
    id BIGSERIAL NOT NULL,
    channel_id VARCHAR NOT NULL,
    person_id BIGINT,
    project_ids BIGINT[] DEFAULT '{}' NOT NULL,
    local_time TIME WITHOUT TIME ZONE NOT NULL,
    weekdays JSONB DEFAULT '[]' NOT NULL,
    time_zone VARCHAR NOT NULL,
    depth VARCHAR NOT NULL,
    next_due_at TIMESTAMPTZ,
    last_covered_until TIMESTAMPTZ,
    active BOOLEAN NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (channel_id),
    FOREIGN KEY(person_id) REFERENCES person (id)
);
CREATE INDEX ix_subscription_next_due_at ON subscription (next_due_at);
CREATE INDEX ix_subscription_person_id ON subscription (person_id);

CREATE TABLE artifact (
    id BIGSERIAL NOT NULL,
    run_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    note_id BIGINT,
    location VARCHAR NOT NULL,
    size BIGINT,
    sha256 VARCHAR,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
    FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE
);
CREATE INDEX ix_artifact_note_id ON artifact (note_id);
CREATE INDEX ix_artifact_run_id ON artifact (run_id);

CREATE TABLE correction (
    id BIGSERIAL NOT NULL,
    note_id BIGINT NOT NULL,
    person_id BIGINT,
    sentence TEXT NOT NULL,
    was JSONB DEFAULT '{}' NOT NULL,
    now JSONB DEFAULT '{}' NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE,
    FOREIGN KEY(person_id) REFERENCES person (id)
);
CREATE INDEX ix_correction_note_id ON correction (note_id);
CREATE INDEX ix_correction_person_id ON correction (person_id);

CREATE TABLE digest (
    id BIGSERIAL NOT NULL,
    subscription_id BIGINT NOT NULL,
    local_date DATE NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (subscription_id, local_date),
    FOREIGN KEY(subscription_id) REFERENCES subscription (id) ON DELETE CASCADE
);
CREATE INDEX ix_digest_subscription_id ON digest (subscription_id);

CREATE TABLE "like" (
    id BIGSERIAL NOT NULL,
    person_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (person_id, run_id, kind, target),
    FOREIGN KEY(person_id) REFERENCES person (id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_like_person_id ON "like" (person_id);
CREATE INDEX ix_like_run_id ON "like" (run_id);

CREATE TABLE link (
    id BIGSERIAL NOT NULL,
    run_id BIGINT NOT NULL,
    note_id BIGINT,
    url VARCHAR NOT NULL,
    title VARCHAR,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
    FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE
);
CREATE INDEX ix_link_note_id ON link (note_id);
CREATE INDEX ix_link_run_id ON link (run_id);

CREATE TABLE metric_summary (
    run_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    count BIGINT NOT NULL,
    last FLOAT,
    last_step FLOAT,
    last_at TIMESTAMPTZ,
    min FLOAT,
    min_step FLOAT,
    max FLOAT,
    max_step FLOAT,
    goal VARCHAR,
    PRIMARY KEY (run_id, name),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX ix_metric_summary_name ON metric_summary (name);

CREATE TABLE note_run (
    note_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    PRIMARY KEY (note_id, run_id),
    FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE,
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_note_run_run_id ON note_run (run_id);

CREATE TABLE param (
    run_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    value JSONB,
    number FLOAT,
    PRIMARY KEY (run_id, name),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_param_name_number ON param (name, number);

CREATE TABLE rationale_item (
    id BIGSERIAL NOT NULL,
    note_id BIGINT NOT NULL,
    role VARCHAR NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    start_time FLOAT,
    end_time FLOAT,
    confidence FLOAT NOT NULL,
    source VARCHAR NOT NULL,
    edited_by_id BIGINT,
    closed_at TIMESTAMPTZ,
    vector HALFVEC(384),
    PRIMARY KEY (id),
    FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE,
    FOREIGN KEY(edited_by_id) REFERENCES person (id)
);
CREATE INDEX ix_rationale_item_edited_by_id ON rationale_item (edited_by_id);
CREATE INDEX ix_rationale_item_note_id ON rationale_item (note_id);
CREATE INDEX ix_rationale_item_role ON rationale_item (role);
CREATE INDEX ix_rationale_item_vector ON rationale_item USING hnsw (vector halfvec_cosine_ops);

CREATE TABLE run_dataset (
    run_id BIGINT NOT NULL,
    dataset_id BIGINT NOT NULL,
    PRIMARY KEY (run_id, dataset_id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
    FOREIGN KEY(dataset_id) REFERENCES dataset_version (id)
);

CREATE TABLE run_event (
    id BIGSERIAL NOT NULL,
    run_id BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    data JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_run_event_run_id ON run_event (run_id);

CREATE TABLE stream (
    id VARCHAR NOT NULL,
    run_id BIGINT NOT NULL,
    next_seq BIGINT NOT NULL,
    clock_offset FLOAT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX ix_stream_run_id ON stream (run_id);

CREATE TABLE tag (
    run_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    PRIMARY KEY (run_id, name),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_tag_name ON tag (name);

CREATE TABLE thread (
    id BIGSERIAL NOT NULL,
    project_id BIGINT NOT NULL,
    run_id BIGINT,
    channel_id VARCHAR NOT NULL,
    outbox_key VARCHAR NOT NULL,
    ts VARCHAR,
    opened_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ,
    replies INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(project_id) REFERENCES project (id),
    FOREIGN KEY(run_id) REFERENCES run (id),
    UNIQUE (outbox_key)
);
CREATE INDEX ix_thread_project_id ON thread (project_id);
CREATE INDEX ix_thread_run_id ON thread (run_id);
CREATE INDEX ix_thread_ts ON thread (ts);

CREATE TABLE verdict (
    run_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    choice VARCHAR NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (run_id, person_id),
    FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
    FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE fact (
    id BIGSERIAL NOT NULL,
    note_id BIGINT NOT NULL,
    item_id BIGINT,
    kind VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    from_value VARCHAR,
    to_value VARCHAR,
    unit VARCHAR,
    linked BOOLEAN NOT NULL,
    confirmed BOOLEAN NOT NULL,
    start INTEGER,
    "end" INTEGER,
    PRIMARY KEY (id),
    FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE,
    FOREIGN KEY(item_id) REFERENCES rationale_item (id) ON DELETE CASCADE
);
CREATE INDEX ix_fact_item_id ON fact (item_id);
CREATE INDEX ix_fact_name ON fact (name);
CREATE INDEX ix_fact_note_id ON fact (note_id);

-- No insert may fail for want of a month: what no partition takes lands here and moves when its month is made.
CREATE TABLE metric_chunk_default PARTITION OF metric_chunk DEFAULT;
CREATE TABLE log_chunk_default PARTITION OF log_chunk DEFAULT;

CREATE TABLE login_request (
    device character varying NOT NULL PRIMARY KEY,
    code character varying NOT NULL UNIQUE,
    host character varying,
    login character varying,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    person_id bigint REFERENCES person (id),
    taken_at timestamp with time zone
);
CREATE INDEX ix_login_request_person_id ON login_request (person_id);

CREATE TABLE answer_rating (
    id BIGSERIAL NOT NULL PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person (id),
    question text NOT NULL,
    good boolean NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE INDEX ix_answer_rating_person_id ON answer_rating (person_id);
