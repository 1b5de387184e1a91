/** Generated from api/openapi.json by tools/openapi.ts; not edited. */
export interface paths {
    "/api/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List runs, newest first */
        get: operations["listRuns"];
        put?: never;
        /** Run a script or command on hosts, or on a worker */
        post: operations["createRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell which hosts a target expression matches
         * @description It writes nothing and takes no Idempotency-Key: one that is sent is ignored.
         */
        post: operations["previewTargets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check a run whole and tell where it would go and as whom; nothing is written
         * @description It writes nothing and takes no Idempotency-Key: one that is sent is ignored.
         */
        post: operations["planRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start nothing more and end what runs; what comes finally is done after it, unless forced */
        post: operations["cancelRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start nothing more until it is resumed; what runs goes on to its end */
        post: operations["pauseRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a paused run go on; of one that is not paused nothing changes */
        post: operations["resumeRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/answer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Answer what it asks: an approval, or whether a rollout goes on */
        post: operations["answerRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Open a new round over executions in the given states */
        post: operations["retryRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/skip": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Skip a step that is not over: what runs of it is ended, and what needs it goes on */
        post: operations["skipStep"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a run with what it does */
        get: operations["getRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why tasks without hosts wait, and by what the workers of others were chosen */
        get: operations["explainRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happened to the run, and why */
        get: operations["listTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Server-sent events of a run; each has an id, and Last-Event-ID goes on after it */
        get: operations["watchRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/executions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the executions of a run */
        get: operations["listExecutions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/executions/{task}/{ordinal}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show one execution and its earlier attempts */
        get: operations["getExecution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/executions/{task}/{ordinal}/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Bytes of a stream: what is kept (head and tail), or the whole from the host */
        get: operations["readOutput"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/output-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Executions that ended alike with the same output, folded */
        get: operations["listOutputGroups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{runId}/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Output values: what scripts told through DROVER_OUTPUT, of executions that told some */
        get: operations["listOutputValues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List jobs by name */
        get: operations["listJobs"];
        put?: never;
        /** Make the text of a job its draft: of a new job, of a new version, or in the place of the draft; the same text again changes nothing */
        post: operations["applyJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What is wrong with the text of a job, all of it at once, with lines and columns
         * @description It writes nothing and takes no Idempotency-Key: one that is sent is ignored.
         */
        post: operations["validateJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a job */
        get: operations["getJob"];
        put?: never;
        post?: never;
        /** Remove a job whose versions are all retired, and of which no run is on record */
        delete: operations["removeJob"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/retire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Retire every version of a job */
        post: operations["retireJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a version of a job, with its text */
        get: operations["getJobVersion"];
        put?: never;
        post?: never;
        /** Remove a retired version of a job; its number is not given again, and runs of it keep what they ran */
        delete: operations["removeJobVersion"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The versions of a job, newest first */
        get: operations["listJobVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/versions/{version}/definition": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The text of a version as it was sent, byte for byte */
        get: operations["exportJobVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/versions/{version}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Publish a draft: from then on it never changes, and is what runs of the job take */
        post: operations["publishJobVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/versions/{version}/retire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Retire a version: it is kept, and nothing runs by it any more */
        post: operations["retireJobVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the text of one version becomes that of another, line by line */
        get: operations["diffJobVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Run a published version of a job */
        post: operations["runJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List hosts by name */
        get: operations["listHosts"];
        put?: never;
        /** Add a host that is reached over SSH */
        post: operations["createHost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a host and its facts */
        get: operations["getHost"];
        put?: never;
        post?: never;
        /** Remove a host and revoke its agent */
        delete: operations["removeHost"];
        options?: never;
        head?: never;
        /** Change how a host is reached, its account or its name; what is not given stays, null takes away */
        patch: operations["editHost"];
        trace?: never;
    };
    "/api/v1/hosts/{host}/labels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Set and remove labels */
        patch: operations["labelHost"];
        trace?: never;
    };
    "/api/v1/hosts/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add and change many hosts, all or none; what is not given of a host that exists stays */
        post: operations["importHosts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Try the way to a host over SSH, step by step */
        post: operations["testHost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}/twin/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a twin as the machine of its own that it is: it gets work as any other host */
        post: operations["acceptTwin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}/twin/replace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a twin take the place of the host that it is: with its name, labels, address and account; the former goes */
        post: operations["replaceByTwin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the keys that a host is known by, and those that it offered since */
        get: operations["listHostKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/host-keys/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take keys of hosts from elsewhere, all or none; they are believed from then on */
        post: operations["importHostKeys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}/keys/{fingerprint}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Believe a key that a host offered; known keys of the same kind go */
        post: operations["acceptHostKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host}/keys/{fingerprint}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Forget a key of a host */
        delete: operations["removeHostKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List agents */
        get: operations["listAgents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an agent, its load and what is wrong with it */
        get: operations["getAgent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cut an agent off for good */
        post: operations["revokeAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/keep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decide which of two copies of an agent is the right one; the other is never let in again */
        post: operations["keepAgentInstance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enrol an agent with a join token */
        post: operations["joinAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-packages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Versions of the agent that this server has, newest first, with what is wrong with them */
        get: operations["listAgentPackages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/install": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Install agents by a run of the installer */
        post: operations["installAgents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/uninstall": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take agents off hosts by a run of the installer, over SSH */
        post: operations["uninstallAgents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upgrades": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List upgrades, newest first */
        get: operations["listUpgrades"];
        put?: never;
        /** Upgrade agents, batch by batch */
        post: operations["createUpgrade"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upgrades/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an upgrade */
        get: operations["getUpgrade"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upgrades/{id}/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How each agent of an upgrade stands */
        get: operations["listUpgradeAgents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upgrades/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order no further batch; what is ordered ends */
        post: operations["cancelUpgrade"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List workers */
        get: operations["listWorkers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{worker}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a worker, its queues and what it has under way */
        get: operations["getWorker"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{worker}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a worker no new work; what is under way ends, and its agents go to the others of the zone */
        post: operations["drainWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{worker}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a drained worker work again */
        post: operations["resumeWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{worker}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cut a worker off for good, on every server; its agents go to the others of the zone */
        post: operations["revokeWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enrol a worker with a join token */
        post: operations["joinWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/join-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List join tokens that still can be used */
        get: operations["listJoinTokens"];
        put?: never;
        /** Make a token for agents or workers to join with */
        post: operations["createJoinToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/join-tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a join token */
        delete: operations["revokeJoinToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List API tokens */
        get: operations["listTokens"];
        put?: never;
        /** Make an API token */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke an API token. Its runs go on, unless they are cancelled with it, for which job.run.cancel is asked as well */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/self": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who am I, and what may I do */
        get: operations["getSelf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List accounts by name */
        get: operations["listAccounts"];
        put?: never;
        /** Make an account; its secrets are checked, sealed, and never shown again */
        post: operations["createAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        /** Remove an account and its secrets; refused while hosts name it, unless forced */
        delete: operations["removeAccount"];
        options?: never;
        head?: never;
        /** Change an account; what is not given stays */
        patch: operations["changeAccount"];
        trace?: never;
    };
    "/api/v1/hosts/{host}/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Which account a run would take on this host, and why */
        get: operations["explainAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Re-encrypt all stored secrets under the newest master key; may be repeated */
        post: operations["rotateKeys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List channels by name */
        get: operations["listChannels"];
        put?: never;
        /** Make a channel; where it leads is sealed, and never shown again */
        post: operations["createChannel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/channels/{channel}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a channel */
        get: operations["getChannel"];
        put?: never;
        post?: never;
        /** Remove a channel: nobody is told by it any more; refused while rules or published jobs name it, unless forced */
        delete: operations["removeChannel"];
        options?: never;
        head?: never;
        /** Change a channel; what is not given stays */
        patch: operations["changeChannel"];
        trace?: never;
    };
    "/api/v1/channels/{channel}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send one message by a channel now, and tell what the far end said */
        post: operations["testChannel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List notices, newest first */
        get: operations["listNotices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a notice, what it says, and every try to tell it */
        get: operations["getNotice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notice-rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the rules that say who is told of what, oldest first */
        get: operations["listNoticeRules"];
        put?: never;
        /** Have a channel told of ends of runs, and that they are late: of all, or of those of a job, an owner or a team */
        post: operations["addNoticeRule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notice-rules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a rule: what is waiting to be told by it is told all the same */
        delete: operations["removeNoticeRule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read the audit trail, newest first */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verification": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check the chain of the audit, a page at a time: neither whole nor with a fault, go on after `through` */
        get: operations["verifyAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Account: {
            /** Format: uuid */
            id: string;
            name: string;
            scope: string;
            loginUser: string;
            become: {
                kind: string;
                user?: string;
                hasPassword: boolean;
            };
            environment: string;
            isDefault: boolean;
            priority: number;
            credentials: components["schemas"]["Credential"][];
            version: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            changedAt: string;
            createdBy: string;
        };
        AccountChange: {
            /** @description Letters a-z and A-Z, digits and . _ - : @, and nothing that could be an id */
            name?: string;
            /** @description Target expression: hosts that it may be used on */
            scope?: string;
            /** @description Who logs in; over an agent: who the work runs as, unless somebody is become */
            loginUser?: string;
            become?: components["schemas"]["BecomeInput"];
            /**
             * @description clean: the same few variables everywhere; login: as a login shell of the user has them; agent: also what the agent itself has
             * @enum {string}
             */
            environment?: "clean" | "login" | "agent";
            /** @description Taken for hosts of its scope that have no account of their own */
            isDefault?: boolean;
            /** @description Of several defaults the highest is taken */
            priority?: number;
            /** @description Tried in this order */
            credentials?: components["schemas"]["CredentialInput"][];
        };
        AccountChoice: {
            host: string;
            account?: string;
            why: string;
            /** @description Error code, where no account may be used */
            code?: string;
        };
        AccountCreate: {
            /** @description Letters a-z and A-Z, digits and . _ - : @, and nothing that could be an id */
            name: string;
            /** @description Target expression: hosts that it may be used on */
            scope: string;
            /** @description Who logs in; over an agent: who the work runs as, unless somebody is become */
            loginUser: string;
            /**
             * @default {
             *       "kind": "direct"
             *     }
             */
            become?: components["schemas"]["BecomeInput"];
            /**
             * @description clean: the same few variables everywhere; login: as a login shell of the user has them; agent: also what the agent itself has
             * @default clean
             * @enum {string}
             */
            environment?: "clean" | "login" | "agent";
            /**
             * @description Taken for hosts of its scope that have no account of their own
             * @default false
             */
            isDefault?: boolean;
            /**
             * @description Of several defaults the highest is taken
             * @default 0
             */
            priority?: number;
            /**
             * @description Tried in this order
             * @default []
             */
            credentials?: components["schemas"]["CredentialInput"][];
        };
        Agent: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            hostId: string;
            host: string;
            state: string;
            version?: string;
            linked: boolean;
            /** @description When a run has taken it off its host; it has not linked since */
            uninstalledAt?: string;
            /** @description RFC 3339, UTC */
            joinedAt: string;
            /** @description RFC 3339, UTC */
            certificateExpiresAt: string;
            /** @description What a linked agent last said, about once a minute */
            load?: {
                /** @description RFC 3339, UTC */
                at: string;
                /** @description Executions on the host now */
                running: number;
                /** @description Ended, and not yet taken over by a server */
                unreported: number;
                rssBytes: number;
                /** @description Of the host, over a minute */
                loadAverage: number;
                lagMs: number;
                freeMemoryBytes?: number;
                freeSpoolBytes: number;
                /** @description Its clock minus the worker's */
                skewMs?: number;
            };
            /** @description How often it linked in the last ten minutes; counted up to five */
            links: number;
            /** @description flapping, lagging, skewed, spool-low, copied */
            problems: string[];
            /** @description Two starts of this agent that both show themselves: copies of one data folder. Neither is given work */
            copies?: components["schemas"]["AgentCopy"][];
        };
        AgentCopy: {
            /** Format: uuid */
            instance: string;
            start: number;
            /** Format: uuid */
            worker: string;
            /** @description RFC 3339, UTC */
            seenAt: string;
        };
        AgentInstall: {
            /** @description As of a run */
            targets: string;
            /** @description The newest that the server has, unless given */
            version?: string;
            /** @description Name or id of an account that is root, or becomes it; else the one that each host has */
            account?: string;
            /**
             * @description Of the workers that the agents will link to
             * @default default
             */
            zone?: string;
            /**
             * @description Hosts at once
             * @default 50
             */
            concurrency?: number;
        };
        AgentJoin: {
            secret: string;
            csr: string;
            name: string;
            machineId: string;
            /** @default {} */
            labels?: {
                [key: string]: string;
            };
            /** @default {} */
            facts?: {
                [key: string]: unknown;
            };
            /** @description The clock of the joining machine */
            nowMs?: number;
            /** @description The agent that it was until now; signatures, base64, by its keys, of `drover-join-1`, the SHA-256 of the secret in base64url and csr, each on a line */
            previous?: {
                /** Format: uuid */
                agentId: string;
                signatures: string[];
            };
        };
        AgentJoined: {
            /** Format: uuid */
            agentId: string;
            /** Format: uuid */
            hostId: string;
            certificate: string;
            ca: string;
            dispatchKey: string;
            workers: string[];
            nowMs: number;
            /** @description As the host is on record */
            name: string;
            labels: {
                [key: string]: string;
            };
            replaced?: string;
            /** @description Host of the same machine id: no work until somebody decides */
            twinOf?: string;
        };
        AgentKeep: {
            /**
             * Format: uuid
             * @description One of the two in `copies`
             */
            instance: string;
        };
        AgentPackages: {
            version: string;
            packages: {
                os: string;
                arch: string;
                size: number;
                sha256: string;
                /** @description At /agent-packages/{file} of the server */
                file: string;
                fileSize: number;
                fileSha256: string;
                /** @description Ed25519, by the release key */
                signature: string;
                /** @description What is wrong with the file on this server: missing, or of another size or checksum than the manifest says */
                problem?: string;
            }[];
            /** @description Why the manifest was passed over; then there are no packages */
            problem?: string;
        };
        AgentUninstall: {
            /** @description As of a run */
            targets: string;
            /** @description Name or id of an account that is root, or becomes it; else the one that each host has */
            account?: string;
            /**
             * @description Hosts at once
             * @default 50
             */
            concurrency?: number;
            /**
             * @description Also where scripts run: they run on with nobody watching
             * @default false
             */
            force?: boolean;
            /**
             * @description With identity, journal and output
             * @default false
             */
            purge?: boolean;
        };
        AgentUpgrade: {
            host: string;
            /** Format: uuid */
            hostId: string;
            state: components["schemas"]["AgentUpgradeState"];
            fromVersion?: string;
            /** @description fetching, switching or trying while it is in hand */
            progress?: string;
            code?: string;
            detail?: string;
            /** @description RFC 3339, UTC */
            orderedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
        };
        /** @enum {string} */
        AgentUpgradeState: "waiting" | "ordered" | "succeeded" | "failed" | "rolled_back" | "unanswered" | "skipped";
        ApiToken: {
            /** Format: uuid */
            id: string;
            name: string;
            role: string;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            expiresAt: string;
            /** @description RFC 3339, UTC */
            revokedAt?: string;
        };
        ApiTokenCreate: {
            name: string;
            /** @enum {string} */
            role: "viewer" | "operator" | "admin";
            /**
             * @description A duration with its unit: 500ms, 30s, 5m, 2h, 7d, 1h30m
             * @default 90d
             */
            lifetime?: string;
        };
        ApiTokenCreated: {
            /** Format: uuid */
            id: string;
            name: string;
            role: string;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            expiresAt: string;
            /** @description RFC 3339, UTC */
            revokedAt?: string;
            /** @description Shown once */
            token: string;
        };
        ApiTokenRevoked: {
            /** @description Its runs that were under way and are cancelled with it */
            cancelledRuns: number;
        };
        AuditCheck: {
            /** @description Entries that this answer is about */
            checked: number;
            /** @description The last entry that is as it was written */
            through: {
                seq: number;
                /** @description Hexadecimal */
                hash: string;
            };
            /** @description The chain was checked to its end, and nothing is wrong */
            whole: boolean;
            /** @description With the end of the chain: entries that were written and are not in it yet; their marks were checked */
            unsealed?: number;
            /** @description What is wrong, and with which entry; nothing beyond it was checked */
            fault?: {
                seq?: number;
                /** @enum {string} */
                kind: "altered" | "missing" | "unchained" | "head";
                detail: string;
            };
        };
        AuditEntry: {
            id: string;
            /** @description Its number in the chain; absent until it is sealed, about a second after the deed */
            seq?: number;
            /** @description RFC 3339, UTC */
            at: string;
            actor: string;
            action: string;
            target: string;
            detail: {
                [key: string]: unknown;
            };
            requestId?: string;
            hash?: string;
            previousHash?: string;
        };
        BecomeInput: {
            /** @enum {string} */
            kind: "direct" | "sudo" | "su";
            /** @description Default: root */
            user?: string;
            /** @description For sudo the login user's (default: that of the login), for su the other user's. Absent: as it was; null: none */
            password?: string | null;
        };
        Channel: {
            /** Format: uuid */
            id: string;
            name: string;
            kind: string;
            /** @enum {string} */
            lang: "en" | "zh";
            perMinute: number;
            windowMs: number;
            /** @description What of where it leads is no secret */
            leads: {
                [key: string]: unknown;
            };
            version: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            changedAt: string;
            createdBy: string;
        };
        ChannelChange: {
            /** @description Letters a-z and A-Z, digits and . _ - : @, and nothing that could be an id */
            name?: string;
            /**
             * @description The language of what is said there
             * @enum {string}
             */
            lang?: "en" | "zh";
            /** @description Messages in a minute at most, tries counted; where more are due, they become one */
            perMinute?: number;
            /** @description After a message, notices of the same job or command wait so long for company */
            window?: string;
            /** @description Where it leads, whole, with what is secret of it */
            endpoint?: components["schemas"]["ChannelEndpoint"];
        };
        ChannelCreate: {
            /** @description Letters a-z and A-Z, digits and . _ - : @, and nothing that could be an id */
            name: string;
            /**
             * @description The language of what is said there
             * @default en
             * @enum {string}
             */
            lang?: "en" | "zh";
            /**
             * @description Messages in a minute at most, tries counted; where more are due, they become one
             * @default 20
             */
            perMinute?: number;
            /**
             * @description After a message, notices of the same job or command wait so long for company
             * @default 1m
             */
            window?: string;
            /** @description Where it leads, whole, with what is secret of it */
            endpoint: components["schemas"]["ChannelEndpoint"];
        };
        ChannelEndpoint: {
            /** @constant */
            kind: "webhook";
            /** @description https://…; it may hold a token, and is never shown */
            url: string;
            /** @description Shared with the receiver, who checks by it that it is us: whsec_ and Base64, or any text */
            secret: string;
            /** @description Certificates in PEM of who vouches for the far end, in place of the public authorities */
            authorities?: string;
        } | {
            /** @constant */
            kind: "mail";
            host: string;
            port: number;
            /**
             * @description starttls: as a rule on port 587; tls: from the start, on 465; none: only to servers that the installation names
             * @enum {string}
             */
            tls: "starttls" | "tls" | "none";
            user?: string;
            password?: string;
            from: string;
            to: string[];
            /** @description Certificates in PEM of who vouches for the far end, in place of the public authorities */
            authorities?: string;
        } | {
            /** @constant */
            kind: "slack";
            /** @description https://hooks.slack.com/services/… */
            url: string;
        } | {
            /** @constant */
            kind: "dingtalk";
            /** @description https://oapi.dingtalk.com/robot/send?access_token=… */
            url: string;
            /** @description SEC…, of a robot that wants signatures */
            secret?: string;
        } | {
            /** @constant */
            kind: "wecom";
            /** @description https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=… */
            url: string;
        } | {
            /** @constant */
            kind: "feishu";
            /** @description https://open.feishu.cn/open-apis/bot/v2/hook/… */
            url: string;
            /** @description Of a robot that wants signatures */
            secret?: string;
        };
        ChannelTested: {
            channel: string;
            /**
             * Format: uuid
             * @description The id that the message was sent with
             */
            message: string;
            taken: boolean;
            /** @description What the far end said: its status and the beginning of its text */
            answer?: string;
            /** @description Error code, where it was not taken */
            code?: string;
            detail?: string;
        };
        Credential: {
            /** Format: uuid */
            id: string;
            kind: string;
            name: string;
            type?: string;
            fingerprint?: string;
            /** @description Key id of the certificate */
            certificate?: string;
            principals?: string;
            /** @description RFC 3339, UTC */
            certificateUntil?: string;
            socket?: string;
        };
        CredentialInput: {
            /** @constant */
            kind: "keep";
            /**
             * Format: uuid
             * @description A credential that the account has already
             */
            id: string;
        } | {
            /** @constant */
            kind: "key";
            /** @description Tells credentials apart when a login fails; default: its kind */
            name?: string;
            /** @description OpenSSH or PEM text; Ed25519, RSA or ECDSA */
            privateKey: string;
            passphrase?: string;
            /** @description OpenSSH user certificate of the key */
            certificate?: string;
        } | {
            /** @enum {string} */
            kind: "password" | "keyboard-interactive";
            /** @description Tells credentials apart when a login fails; default: its kind */
            name?: string;
            password: string;
        } | {
            /** @constant */
            kind: "agent";
            /** @description Tells credentials apart when a login fails; default: its kind */
            name?: string;
            /** @description Socket of an ssh-agent on the worker's machine */
            socket: string;
        };
        Execution: {
            /** Format: uuid */
            runId: string;
            task: number;
            ordinal: number;
            attempt: number;
            round: number;
            /** @description Absent where it goes to no host: a worker carries it out */
            host?: string;
            /** Format: uuid */
            hostId?: string;
            /** @description Which of several items its step is done for */
            item?: string;
            state: components["schemas"]["ExecutionState"];
            /** @description Who carries the attempt out; absent while it waits */
            executor?: components["schemas"]["Executor"];
            /**
             * Format: uuid
             * @description The worker by whose link the order went
             */
            workerId?: string;
            outcome?: components["schemas"]["Outcome"];
            reason?: string;
            detail?: string;
            stdout: components["schemas"]["Stream"];
            stderr: components["schemas"]["Stream"];
            settledLate: boolean;
            seq: number;
            /** @description RFC 3339, UTC */
            dispatchedAt?: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
        };
        ExecutionCounts: {
            [key: string]: number;
        };
        ExecutionDetail: {
            /** Format: uuid */
            runId: string;
            task: number;
            ordinal: number;
            attempt: number;
            round: number;
            /** @description Absent where it goes to no host: a worker carries it out */
            host?: string;
            /** Format: uuid */
            hostId?: string;
            /** @description Which of several items its step is done for */
            item?: string;
            state: components["schemas"]["ExecutionState"];
            /** @description Who carries the attempt out; absent while it waits */
            executor?: components["schemas"]["Executor"];
            /**
             * Format: uuid
             * @description The worker by whose link the order went
             */
            workerId?: string;
            outcome?: components["schemas"]["Outcome"];
            reason?: string;
            detail?: string;
            stdout: components["schemas"]["Stream"];
            stderr: components["schemas"]["Stream"];
            settledLate: boolean;
            seq: number;
            /** @description RFC 3339, UTC */
            dispatchedAt?: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            history: components["schemas"]["PastExecution"][];
        };
        /** @enum {string} */
        ExecutionState: "waiting" | "dispatched" | "running" | "succeeded" | "failed" | "timed_out" | "cancelled" | "skipped" | "not_started" | "lost";
        Executor: {
            /** @constant */
            kind: "agent";
            /** Format: uuid */
            id: string;
        } | {
            /** @constant */
            kind: "worker";
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            engine: "ssh" | "process" | "calls";
        };
        Host: {
            /** Format: uuid */
            id: string;
            name: string;
            labels: {
                [key: string]: string;
            };
            facts: {
                [key: string]: unknown;
            };
            /** @description Absent: it has no agent, or none any more */
            agentId?: string;
            /** @description When a run has taken its agent off; it has not linked since */
            agentUninstalledAt?: string;
            linked: boolean;
            workerId?: string;
            /** @description RFC 3339, UTC */
            linkChangedAt?: string;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description agent: its agent is linked now; ssh: it has an address */
            reachableBy: ("agent" | "ssh")[];
            zone: string;
            address?: string;
            port?: number;
            accountId?: string;
            /** @description Absent though accountId is there: the account has been removed */
            account?: string;
            jumpHost?: string;
            /** @description It has the machine id of this host and joined without its key: no work until somebody decides */
            twinOf?: string;
            /** @description The last connection over SSH, of a run or of a test of the way that a run takes */
            sshContact?: {
                /** @description RFC 3339, UTC */
                at: string;
                /** @description Why it was not reached; absent: it was */
                code?: string;
            };
            /** @enum {string} */
            hostKeyPolicy?: "strict" | "first-use";
            algorithms?: {
                [key: string]: string[];
            };
        };
        /** @description What is offered to this host, each list whole; absent: modern defaults */
        HostAlgorithms: {
            kex?: ("curve25519-sha256@libssh.org" | "curve25519-sha256" | "ecdh-sha2-nistp256" | "ecdh-sha2-nistp384" | "ecdh-sha2-nistp521" | "diffie-hellman-group14-sha256" | "diffie-hellman-group15-sha512" | "diffie-hellman-group16-sha512" | "diffie-hellman-group17-sha512" | "diffie-hellman-group18-sha512" | "diffie-hellman-group14-sha1" | "diffie-hellman-group1-sha1")[];
            cipher?: ("aes128-gcm@openssh.com" | "aes256-gcm@openssh.com" | "aes128-ctr" | "aes192-ctr" | "aes256-ctr" | "chacha20-poly1305@openssh.com" | "aes256-cbc" | "aes192-cbc" | "aes128-cbc" | "3des-cbc" | "aes128-gcm" | "aes256-gcm")[];
            serverHostKey?: ("ssh-ed25519" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" | "rsa-sha2-512" | "rsa-sha2-256" | "ssh-rsa" | "ssh-dss")[];
            hmac?: ("hmac-sha2-256-etm@openssh.com" | "hmac-sha2-512-etm@openssh.com" | "hmac-sha1-etm@openssh.com" | "hmac-sha2-256" | "hmac-sha2-512" | "hmac-sha1" | "hmac-md5" | "hmac-sha2-256-96" | "hmac-sha2-512-96" | "hmac-ripemd160" | "hmac-sha1-96" | "hmac-md5-96")[];
        };
        HostChange: {
            field: string;
            from?: unknown;
            to?: unknown;
        };
        HostCreate: {
            name: string;
            /** @description A name, an IPv4 or an IPv6 address; taken as it is by the worker that dials */
            address: string;
            port?: number;
            zone?: string;
            labels?: {
                [key: string]: string;
            };
            account?: string;
            /** @description Name of the host to jump through */
            jumpHost?: string;
            /**
             * @description strict: only known keys; first-use: the first key seen is recorded, after that as strict
             * @enum {string}
             */
            hostKeyPolicy?: "strict" | "first-use";
            algorithms?: components["schemas"]["HostAlgorithms"];
        };
        HostEdit: {
            name?: string;
            port?: number;
            zone?: string;
            labels?: {
                [key: string]: string;
            };
            account?: string | null;
            jumpHost?: string | null;
            /**
             * @description strict: only known keys; first-use: the first key seen is recorded, after that as strict
             * @enum {string}
             */
            hostKeyPolicy?: "strict" | "first-use";
            algorithms?: components["schemas"]["HostAlgorithms"] | null;
            /** @description null: not reached over SSH any more */
            address?: string | null;
        };
        HostImport: {
            hosts: components["schemas"]["HostImportEntry"][];
            /**
             * @description Tell what would happen, and change nothing
             * @default false
             */
            dryRun?: boolean;
        };
        HostImportEntry: {
            name: string;
            /** @description A host that is new needs one */
            address?: string;
            port?: number;
            zone?: string;
            labels?: {
                [key: string]: string;
            };
            account?: string;
            /** @description Name of the host to jump through */
            jumpHost?: string;
            /**
             * @description strict: only known keys; first-use: the first key seen is recorded, after that as strict
             * @enum {string}
             */
            hostKeyPolicy?: "strict" | "first-use";
            algorithms?: components["schemas"]["HostAlgorithms"];
        };
        HostImported: {
            dryRun: boolean;
            created: number;
            updated: number;
            unchanged: number;
            hosts: components["schemas"]["ImportedHost"][];
        };
        HostKey: {
            /** @description SHA-256 in Base64, as OpenSSH prints it */
            fingerprint: string;
            algorithm: string;
            /** @description Base64, as known_hosts holds it */
            key: string;
            /**
             * @description offered: shown by the host, which is known by another; not believed until somebody accepts it
             * @enum {string}
             */
            state: "known" | "offered";
            /** @enum {string} */
            origin: "first-use" | "import" | "accepted" | "offered";
            /** @description RFC 3339, UTC */
            firstSeenAt: string;
            /** @description RFC 3339, UTC */
            changedAt: string;
            changedBy: string;
        };
        HostKeyImport: {
            hosts: {
                /** @description Id or name */
                host: string;
                /** @description Base64, as known_hosts holds them */
                keys: string[];
            }[];
        };
        HostKeysImported: {
            hosts: number;
            /** @description Keys that were not known before */
            added: number;
        };
        HostLabel: {
            /** @default {} */
            set?: {
                [key: string]: string;
            };
            /** @default [] */
            remove?: string[];
        };
        HostTest: {
            /** @description Name or id; else the one that a run would take */
            account?: string;
        };
        HostTested: {
            /** @description No step failed */
            reachable: boolean;
            steps: {
                /** @description jump, dns, tcp, ssh, host-key, auth, shell, become, state-folder, noexec */
                step: string;
                /** @enum {string} */
                result: "ok" | "failed" | "warning" | "not-tried";
                code?: string;
                /** @description What it is, and what to do */
                detail?: string;
            }[];
        };
        HttpCall: {
            /** @enum {string} */
            method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
            /** @description Secrets and outputs as the job has them: ${{ secrets.NAME }} */
            url: string;
            headers: {
                [key: string]: string;
            };
            body?: string;
            redirects: number;
            tls?: {
                ca?: string;
                serverName?: string;
                insecure?: boolean;
            };
            /** @description JSON pointers into the answer, by the names of the values */
            extract: {
                [key: string]: string;
            };
        };
        ImportedHost: {
            name: string;
            /** @enum {string} */
            action: "created" | "updated" | "unchanged";
            changes: components["schemas"]["HostChange"][];
        };
        /** @description With description, owner, team and tags of its newest published version, else of its draft, else of its last */
        Job: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @description published: a version of it is; draft: none is, and one is worked on; retired: neither */
            state: components["schemas"]["JobVersionState"];
            lastVersion: number;
            /** @description The newest that is published */
            publishedVersion?: number;
            draftVersion?: number;
            description?: string;
            owner?: string;
            team?: string;
            tags: string[];
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            changedAt: string;
        };
        JobApplied: {
            /** @enum {string} */
            outcome: "created" | "changed" | "unchanged";
            version: components["schemas"]["JobVersion"];
        };
        JobApply: {
            /** @description The text of one job, YAML or JSON */
            definition: string;
            /**
             * @description Why; it is kept with the version and in the audit
             * @default
             */
            reason?: string;
            /** @description The digest of the last version that you have seen, or none where you saw no such job: refused when it is another */
            seen?: string | "none";
        };
        JobDeed: {
            by: string;
            /** @description RFC 3339, UTC */
            at: string;
            reason: string;
        };
        JobDiff: {
            from: components["schemas"]["JobVersion"];
            to: components["schemas"]["JobVersion"];
            equal: boolean;
            lines: {
                /** @enum {string} */
                kind: "same" | "removed" | "added";
                text: string;
            }[];
        };
        JobRetire: {
            /**
             * @description Why; it is kept with the version and in the audit
             * @default
             */
            reason?: string;
        };
        JobRun: {
            /**
             * @description Values of its parameters, but for those of type secret; they are kept with the run and shown
             * @default {}
             */
            params?: {
                [key: string]: string | number | boolean;
            };
            /**
             * @description Values of its parameters of type secret: they are kept sealed and are never shown
             * @default {}
             */
            secrets?: {
                [key: string]: string;
            };
            /** @description In place of the job's own, for the steps that say none */
            targets?: string;
            /**
             * @description Why; it is kept with the version and in the audit
             * @default
             */
            reason?: string;
            /**
             * @description The number of a version, latest (the newest published), draft, or last
             * @default latest
             */
            version?: string;
        };
        JobValidate: {
            /** @description The text of one job, YAML or JSON */
            definition: string;
            /** @description Values, as for a start: what is wrong with them is told as well */
            params?: {
                [key: string]: string | number | boolean;
            };
            /** @description Those of type secret, as for a start */
            secrets?: {
                [key: string]: string;
            };
            /** @description In place of the job's own, as for a start; looked at with the values */
            targets?: string;
        };
        JobValidated: {
            valid: boolean;
            /** @description Its name */
            job?: string;
            faults: {
                line: number;
                column: number;
                code: string;
                detail: string;
            }[];
            /** @description Of all; the first hundred are told */
            faultCount: number;
            /** @description What is wrong with values and targets, where such were sent; the first hundred */
            valueFaults: {
                pointer: string;
                code: string;
                detail: string;
            }[];
        };
        JobVersion: {
            /** Format: uuid */
            jobId: string;
            job: string;
            version: number;
            state: components["schemas"]["JobVersionState"];
            digest: string;
            description?: string;
            owner?: string;
            team?: string;
            tags: string[];
            applied: components["schemas"]["JobDeed"];
            published?: components["schemas"]["JobDeed"];
            retired?: components["schemas"]["JobDeed"];
        };
        JobVersionDetail: {
            /** Format: uuid */
            jobId: string;
            job: string;
            version: number;
            state: components["schemas"]["JobVersionState"];
            digest: string;
            description?: string;
            owner?: string;
            team?: string;
            tags: string[];
            applied: components["schemas"]["JobDeed"];
            published?: components["schemas"]["JobDeed"];
            retired?: components["schemas"]["JobDeed"];
            /** @description The text as it was sent, comments and all */
            definition: string;
        };
        JobVersionMove: {
            /**
             * @description Why; it is kept with the version and in the audit
             * @default
             */
            reason?: string;
            /** @description The digest of the text that you have seen: refused when it is another */
            seen?: string;
        };
        /** @enum {string} */
        JobVersionState: "draft" | "published" | "retired";
        JoinToken: {
            /** Format: uuid */
            id: string;
            role: string;
            labels: {
                [key: string]: string;
            };
            zone: string;
            /** Format: uuid */
            hostId?: string;
            usesLeft: number;
            /** @description RFC 3339, UTC */
            expiresAt: string;
            /** @description RFC 3339, UTC */
            createdAt: string;
            createdBy: string;
        };
        JoinTokenCreate: {
            /**
             * @default agent
             * @enum {string}
             */
            role?: "agent" | "worker";
            /** @default {} */
            labels?: {
                [key: string]: string;
            };
            /** @default default */
            zone?: string;
            /** @default 1 */
            uses?: number;
            /**
             * @description A duration with its unit: 500ms, 30s, 5m, 2h, 7d, 1h30m
             * @default 1h
             */
            lifetime?: string;
            /** @description Id or name of a host: whoever joins with the token becomes its agent, in its zone */
            host?: string;
        };
        JoinTokenCreated: {
            /** Format: uuid */
            id: string;
            role: string;
            labels: {
                [key: string]: string;
            };
            zone: string;
            /** Format: uuid */
            hostId?: string;
            usesLeft: number;
            /** @description RFC 3339, UTC */
            expiresAt: string;
            /** @description RFC 3339, UTC */
            createdAt: string;
            createdBy: string;
            /** @description Shown once */
            token: string;
        };
        KeyRotation: {
            /** @description The master key that everything is sealed under now */
            keyId: string;
            accountSecrets: number;
            runSecrets: number;
            channels: number;
            systemSecrets: number;
            /** @description Values that open under none of the server's keys; left as they are */
            unreadable: number;
        };
        LateReport: {
            state: components["schemas"]["ExecutionState"];
            /** @description RFC 3339, UTC */
            receivedAt: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt: string;
            outcome?: components["schemas"]["Outcome"];
            reason?: string;
            detail?: string;
            stdout: components["schemas"]["Stream"];
            stderr: components["schemas"]["Stream"];
        };
        Notice: {
            /** Format: uuid */
            id: string;
            channel: string;
            event: components["schemas"]["NoticeEvent"];
            run: {
                /** Format: uuid */
                id: string;
                name: string;
                round: number;
                state: string;
            };
            job?: string;
            /**
             * @description delivered: the far end has taken it; failed: nobody tries any more
             * @enum {string}
             */
            state: "waiting" | "delivered" | "failed";
            /**
             * Format: uuid
             * @description The message that it goes with, by the id that the receiver is told
             */
            message: string;
            tries: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            nextTryAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description Error code of the last try that failed */
            code?: string;
            detail?: string;
        };
        NoticeDetail: {
            /** Format: uuid */
            id: string;
            channel: string;
            event: components["schemas"]["NoticeEvent"];
            run: {
                /** Format: uuid */
                id: string;
                name: string;
                round: number;
                state: string;
            };
            job?: string;
            /**
             * @description delivered: the far end has taken it; failed: nobody tries any more
             * @enum {string}
             */
            state: "waiting" | "delivered" | "failed";
            /**
             * Format: uuid
             * @description The message that it goes with, by the id that the receiver is told
             */
            message: string;
            tries: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            nextTryAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description Error code of the last try that failed */
            code?: string;
            detail?: string;
            title: string;
            /** @description As it is by itself, in English */
            text: string;
            attempts: {
                number: number;
                /** @description RFC 3339, UTC */
                beganAt: string;
                /** @description Absent while it is under way, and where its server ended before it heard */
                endedAt?: string;
                taken?: boolean;
                code?: string;
                detail?: string;
                /** @description What the far end said */
                answer?: string;
            }[];
        };
        /** @enum {string} */
        NoticeEvent: "failed" | "timed_out" | "lost" | "cancelled" | "recovered" | "succeeded" | "late" | "asks";
        NoticeRule: {
            /** Format: uuid */
            id: string;
            channel: string;
            on: components["schemas"]["NoticeEvent"][];
            lostShare?: number;
            lateAfterMs?: number;
            job?: string;
            owner?: string;
            team?: string;
            /** @description RFC 3339, UTC */
            createdAt: string;
            createdBy: string;
        };
        NoticeRuleAdd: {
            /** @description Its name */
            channel: string;
            /** @description Of what: lost is that hosts were lost; recovered, that it succeeded where it had failed before; late, that it is under way still; asks, that it waits for an answer */
            on: components["schemas"]["NoticeEvent"][];
            /** @description Of the hosts, in percent: lost is more than that; default: any */
            lostShare?: number;
            /** @description late: under way for longer than this; default: than runs of its job usually take */
            lateAfter?: string;
            /** @description Only of runs of this job */
            job?: string;
            /** @description Only of runs of jobs of this owner */
            owner?: string;
            /** @description Only of runs of jobs of this team */
            team?: string;
        };
        /** @description How the attempt ended, as its executor told it; absent where nothing was told */
        Outcome: {
            /** @constant */
            kind: "exited";
            code: number;
        } | {
            /** @constant */
            kind: "signalled";
            signal?: string;
        } | {
            /** @constant */
            kind: "timed_out";
            /** @description How its process then ended, if that was seen */
            end?: {
                /** @constant */
                kind: "exited";
                code: number;
            } | {
                /** @constant */
                kind: "signalled";
                signal?: string;
            };
        } | {
            /** @constant */
            kind: "cancelled";
            /** @description How its process then ended, if that was seen */
            end?: {
                /** @constant */
                kind: "exited";
                code: number;
            } | {
                /** @constant */
                kind: "signalled";
                signal?: string;
            };
        } | {
            /** @constant */
            kind: "answered";
            /** @description Of HTTP */
            status: number;
        } | {
            /** @constant */
            kind: "rows";
            /** @description That a statement has read or changed */
            rows: number;
        } | {
            /** @constant */
            kind: "faulted";
        } | {
            /** @constant */
            kind: "refused";
        } | {
            /** @constant */
            kind: "unknown";
        };
        OutputGroup: {
            state: components["schemas"]["ExecutionState"];
            outcome?: components["schemas"]["Outcome"];
            reason?: string;
            count: number;
            hosts: string[];
            stdout: components["schemas"]["Stream"];
            stderr: components["schemas"]["Stream"];
            sample: {
                task: number;
                ordinal: number;
                attempt: number;
            };
        };
        OutputValues: {
            task: number;
            ordinal: number;
            attempt: number;
            /** @description Absent where it went to no host */
            host?: string;
            /** Format: uuid */
            hostId?: string;
            item?: string;
            /** @description Of the execution as it stands now */
            state: components["schemas"]["ExecutionState"];
            /** @description By name, with secrets masked */
            values: {
                [key: string]: string;
            };
            /** @description What of them was left out, and why */
            fault?: string;
        };
        PastExecution: {
            /** Format: uuid */
            runId: string;
            task: number;
            ordinal: number;
            attempt: number;
            round: number;
            /** @description Absent where it goes to no host: a worker carries it out */
            host?: string;
            /** Format: uuid */
            hostId?: string;
            /** @description Which of several items its step is done for */
            item?: string;
            state: components["schemas"]["ExecutionState"];
            /** @description Who carries the attempt out; absent while it waits */
            executor?: components["schemas"]["Executor"];
            /**
             * Format: uuid
             * @description The worker by whose link the order went
             */
            workerId?: string;
            outcome?: components["schemas"]["Outcome"];
            reason?: string;
            detail?: string;
            stdout: components["schemas"]["Stream"];
            stderr: components["schemas"]["Stream"];
            settledLate: boolean;
            seq: number;
            /** @description RFC 3339, UTC */
            dispatchedAt?: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description Of a lost attempt: what its agent told after a newer attempt had been opened */
            lateReport?: components["schemas"]["LateReport"];
        };
        Problem: {
            type: string;
            title: string;
            status: number;
            detail: string;
            instance?: string;
            code: string;
            retryable: boolean;
            requestId: string;
            /** @description Faults of the input: the first hundred */
            errors?: {
                pointer: string;
                code: string;
                detail: string;
            }[];
            /** @description How many faults were found */
            errorCount?: number;
        };
        Resources: {
            /** @description Thousandths of a CPU */
            milliCpus: number;
            memoryMiB: number;
            diskMiB: number;
        };
        Run: {
            /** Format: uuid */
            id: string;
            name: string;
            reason: string;
            state: components["schemas"]["RunState"];
            round: number;
            createdBy: string;
            targets: string;
            hostCount: number;
            counts: components["schemas"]["ExecutionCounts"];
            seq: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description Of all rounds together, without the time between them; once the run is over */
            durationMs?: number;
            /** @description RFC 3339, UTC */
            cancelRequestedAt?: string;
            cancelRequestedBy?: string;
            /** @description Since when what comes finally is to end too */
            cancelForcedAt?: string;
            cancelForcedBy?: string;
            /** @description Since when somebody wants that nothing more of it starts */
            pausedAt?: string;
            pausedBy?: string;
            /** @description Something of it waits for an answer: an approval, or a rollout */
            asks?: boolean;
            /** @description The version of a job that it is a run of; absent for a command */
            job?: {
                name: string;
                version: number;
            };
        };
        RunAnswer: {
            /** @description Whether it goes on; else nothing more of the step starts, and an approval has failed */
            goesOn: boolean;
            /** @description Where several steps ask: its name, STAGE/STEP or STAGE.STEP */
            step?: string;
            /** @description The batch that the question names: refused when it asks after another by now */
            batch?: number;
            /** @default  */
            reason?: string;
        };
        RunAnswered: {
            /** Format: uuid */
            id: string;
            name: string;
            reason: string;
            state: components["schemas"]["RunState"];
            round: number;
            createdBy: string;
            targets: string;
            hostCount: number;
            counts: components["schemas"]["ExecutionCounts"];
            seq: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description Of all rounds together, without the time between them; once the run is over */
            durationMs?: number;
            /** @description RFC 3339, UTC */
            cancelRequestedAt?: string;
            cancelRequestedBy?: string;
            /** @description Since when what comes finally is to end too */
            cancelForcedAt?: string;
            cancelForcedBy?: string;
            /** @description Since when somebody wants that nothing more of it starts */
            pausedAt?: string;
            pausedBy?: string;
            /** @description Something of it waits for an answer: an approval, or a rollout */
            asks?: boolean;
            /** @description The version of a job that it is a run of; absent for a command */
            job?: {
                name: string;
                version: number;
            };
            /** @description What the answer came to */
            answered?: {
                /** @description STAGE/STEP; absent for a command */
                step?: string;
                /** @description Of an approval: so many different people have said yes by now */
                approvals?: number;
                /** @description Of an approval: so many have to */
                count?: number;
                /** @description Whoever answers had said yes before, which counts once */
                repeated?: boolean;
            };
        };
        RunApproval: {
            message: string;
            /** @description So many different people have to say yes */
            count: number;
            /** @description Names of those who may answer; absent: whoever may answer runs */
            by?: string[];
            /** @description Whoever has begun the run may not say yes */
            notByStarter: boolean;
            timeoutMs?: number;
            /** @enum {string} */
            onTimeout: "fail" | "continue";
            /** @description It waits for answers */
            asks: boolean;
            /** @description Since when it asks, or asked */
            since?: string;
            /** @description When its time is up */
            until?: string;
            /** @description Different people who have said yes */
            approvals: number;
            answers: {
                yes: boolean;
                by: string;
                reason: string;
                /** @description RFC 3339, UTC */
                at: string;
            }[];
            /** @description Why it came to its end, where that is not for enough people */
            because?: string;
        };
        RunCreate: {
            /** @description At most so many of the hosts that match: the first by name */
            hostsMax?: number;
            /** @description all, names, globs, sets such as web-[01-20,25], label=value, joined by and, or, not and brackets */
            targets?: string;
            /** @description In place of targets: no host, but one worker that takes it, of all, names, globs, zone=name, joined as targets are */
            worker?: string;
            /** @description Workers that are preferred for a task without hosts, of those that may */
            prefer?: string;
            /** @description What a task without hosts wants of its worker: cpus=2 memory=4GiB disk=10GiB, each if it matters */
            resources?: string;
            /**
             * @description How a worker is chosen for a task without hosts; default: spread
             * @enum {string}
             */
            strategy?: "spread" | "pack" | "prefer-zone" | "least-loaded";
            /** @description Script as text */
            script?: string;
            /**
             * Format: base64
             * @description Script as bytes
             */
            scriptBase64?: string;
            /** @description Argument vector, run without a shell */
            command?: string[];
            /** @description sh, bash, python, perl, node, powershell, or any program; default: #!, else sh */
            lang?: string;
            /** @default [] */
            args?: string[];
            /** @default {} */
            env?: {
                [key: string]: string;
            };
            /** @default {} */
            params?: {
                [key: string]: string;
            };
            /**
             * @description Reach the script as environment variables; write-only, masked in output
             * @default {}
             */
            secrets?: {
                [key: string]: string;
            };
            /** @description Name or id of the account to run as: it must cover every host */
            account?: string;
            /** @description A user of the hosts, where no account is given */
            user?: string;
            cwd?: string;
            /** @description Standard input as text */
            stdin?: string;
            /**
             * Format: base64
             * @description Standard input as bytes
             */
            stdinBase64?: string;
            /**
             * @description A duration with its unit: 500ms, 30s, 5m, 2h, 7d, 1h30m
             * @default 1h
             */
            timeout?: string;
            /**
             * @description A duration with its unit: 500ms, 30s, 5m, 2h, 7d, 1h30m
             * @default 10s
             */
            killAfter?: string;
            /**
             * @description A host that is off until then is not_started
             * @default 2m
             */
            startDeadline?: string;
            /**
             * @description Link gone longer than this: lost
             * @default 2m
             */
            lostAfter?: string;
            concurrency?: number;
            maxFailed?: string;
            /** @description Hosts of each batch, one after the other: 10, 25% (of all), +5, *2 (than the one before), all; the last is repeated */
            batches?: string;
            /** @description Between two batches: a time that is waited, or ask: until somebody says that it goes on */
            between?: string;
            /** @description As maxFailed, of the hosts of one batch */
            batchMaxFailed?: string;
            /**
             * @description When more have failed than may: start no more (drain), end what runs too (abort), or ask (pause); default: drain
             * @enum {string}
             */
            onMaxFailed?: "drain" | "abort" | "pause";
            /** @description What counts for the limits of failures; default: failed, timed_out, lost */
            countsAsFailed?: ("failed" | "timed_out" | "lost" | "not_started")[];
            /** @description In which order it comes to the hosts: name, label:KEY (those of one value together), spread:KEY (mixed), random[:SEED] */
            order?: string;
            /** @default 0 */
            retries?: number;
            /**
             * @description Exit codes that are success
             * @default [
             *       0
             *     ]
             */
            successExitCodes?: number[];
            /**
             * @description The way to the hosts: the live agent, else SSH; or one of them only
             * @default auto
             * @enum {string}
             */
            via?: "auto" | "agent" | "ssh";
            /**
             * @description Which of a worker's queues it waits in
             * @default normal
             * @enum {string}
             */
            priority?: "high" | "normal" | "low";
            /** @default 4194304 */
            outputKeptBytes?: number;
            /** @default  */
            name?: string;
            /** @default  */
            reason?: string;
        };
        RunDetail: {
            /** Format: uuid */
            id: string;
            name: string;
            reason: string;
            state: components["schemas"]["RunState"];
            round: number;
            createdBy: string;
            targets: string;
            hostCount: number;
            counts: components["schemas"]["ExecutionCounts"];
            seq: number;
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            startedAt?: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description Of all rounds together, without the time between them; once the run is over */
            durationMs?: number;
            /** @description RFC 3339, UTC */
            cancelRequestedAt?: string;
            cancelRequestedBy?: string;
            /** @description Since when what comes finally is to end too */
            cancelForcedAt?: string;
            cancelForcedBy?: string;
            /** @description Since when somebody wants that nothing more of it starts */
            pausedAt?: string;
            pausedBy?: string;
            /** @description Something of it waits for an answer: an approval, or a rollout */
            asks?: boolean;
            /** @description The version of a job that it is a run of; absent for a command */
            job?: {
                name: string;
                version: number;
            };
            script?: string;
            command?: string[];
            /** @description A request that a worker makes itself */
            http?: components["schemas"]["HttpCall"];
            /** @description A statement that a worker gives a database */
            sql?: components["schemas"]["SqlCall"];
            lang?: string;
            args?: string[];
            env?: {
                [key: string]: string;
            };
            params?: {
                [key: string]: string;
            };
            secretNames?: string[];
            user?: string;
            cwd?: string;
            timeoutMs?: number;
            killAfterMs?: number;
            startDeadlineMs?: number;
            lostAfterMs?: number;
            concurrency?: number;
            maxFailed?: string;
            batches?: string;
            between?: string;
            batchMaxFailed?: string;
            /** @enum {string} */
            onMaxFailed?: "drain" | "abort" | "pause";
            countsAsFailed?: ("failed" | "timed_out" | "lost" | "not_started")[];
            order?: string;
            retries?: number;
            successExitCodes?: number[];
            /** @description Of a call, such as 200-299; absent: these */
            successStatuses?: string;
            /** @description Of a statement of a database, such as 1-; absent: any number */
            successRows?: string;
            /** @enum {string} */
            via?: "auto" | "agent" | "ssh";
            /** @description Which worker may carry it out; present where it goes to no hosts */
            worker?: string;
            prefer?: string;
            /** @description What it wants of its worker */
            resources?: string;
            /** @enum {string} */
            strategy?: "spread" | "pack" | "prefer-zone" | "least-loaded";
            /** @enum {string} */
            priority?: "high" | "normal" | "low";
            accountId?: string;
            /** @description Of a run of a job, whose settings are those of its steps then; of a command that goes out in batches too */
            stages?: components["schemas"]["RunStage"][];
        };
        RunPause: {
            /** @default  */
            reason?: string;
        };
        RunPlan: {
            hostCount: number;
            /** @description The first thousand, by name */
            hosts: string[];
            /** @description Accounts that it may use over SSH, or the one that was asked for */
            accounts: string[];
            /** @description User of the hosts that it works as, where that is the same everywhere */
            user?: string;
            /** @description As whom it works on the hosts that it would not be refused on; the first thousand such groups */
            as: {
                /**
                 * @description By which way as things are now; none: it would wait
                 * @enum {string}
                 */
                via: "agent" | "ssh" | "none";
                /** @description Absent where nobody has said so yet */
                user?: string;
                /** @description That logs in over SSH */
                account?: string;
                hostCount: number;
                /** @description Those that are among the first thousand */
                hosts: string[];
            }[];
            /** @description One after the other, each with its first hosts; no names where the order is random */
            batches?: {
                hostCount: number;
                hosts: string[];
            }[];
            /** @description Of a task without hosts: workers that would take it now, and why others would not */
            workers?: {
                count: number;
                why: string;
            };
            /** @description Hosts that it would not start on: no account may log in there and no agent is live, or who works there cannot become the user that was asked for */
            refusedCount: number;
            /** @description The first thousand of them, with the reason that the run would have */
            refused: {
                host: string;
                code: string;
                detail: string;
            }[];
        };
        RunRetry: {
            states: ("succeeded" | "failed" | "timed_out" | "cancelled" | "skipped" | "not_started" | "lost")[];
        };
        RunRollout: {
            /** @description Which batch goes out, or is over; from 1 */
            batch: number;
            batches: number;
            /** @description Of this batch */
            hosts: number;
            /** @description Of this batch and those before it */
            hostsSoFar: number;
            /** @enum {string} */
            phase: "going" | "waiting" | "asking";
            /** @description RFC 3339, UTC */
            since: string;
            /** @description Waits until then */
            until?: string;
            /**
             * @description Why it waits for an answer
             * @enum {string}
             */
            asks?: "between" | "max-failed";
        };
        RunStage: {
            stage: string;
            needs: string[];
            /** @enum {string} */
            when: "all-succeeded" | "any-succeeded" | "any-failed" | "all-done";
            /** @description Its steps have their turn only where this is met */
            condition?: string;
            finally: boolean;
            steps: components["schemas"]["RunStep"][];
        };
        /** @enum {string} */
        RunState: "created" | "waiting" | "running" | "paused" | "stopping" | "succeeded" | "failed" | "timed_out" | "cancelled" | "skipped";
        RunStep: {
            script?: string;
            command?: string[];
            /** @description A request that a worker makes itself */
            http?: components["schemas"]["HttpCall"];
            /** @description A statement that a worker gives a database */
            sql?: components["schemas"]["SqlCall"];
            lang?: string;
            args?: string[];
            env?: {
                [key: string]: string;
            };
            params?: {
                [key: string]: string;
            };
            secretNames?: string[];
            user?: string;
            cwd?: string;
            timeoutMs?: number;
            killAfterMs?: number;
            startDeadlineMs?: number;
            lostAfterMs?: number;
            concurrency?: number;
            maxFailed?: string;
            batches?: string;
            between?: string;
            batchMaxFailed?: string;
            /** @enum {string} */
            onMaxFailed?: "drain" | "abort" | "pause";
            countsAsFailed?: ("failed" | "timed_out" | "lost" | "not_started")[];
            order?: string;
            retries?: number;
            successExitCodes?: number[];
            /** @description Of a call, such as 200-299; absent: these */
            successStatuses?: string;
            /** @description Of a statement of a database, such as 1-; absent: any number */
            successRows?: string;
            /** @enum {string} */
            via?: "auto" | "agent" | "ssh";
            /** @description Which worker may carry it out; present where it goes to no hosts */
            worker?: string;
            prefer?: string;
            /** @description What it wants of its worker */
            resources?: string;
            /** @enum {string} */
            strategy?: "spread" | "pack" | "prefer-zone" | "least-loaded";
            /** @enum {string} */
            priority?: "high" | "normal" | "low";
            accountId?: string;
            /** @description Its number, by which executions name it */
            task: number;
            step: string;
            /** @description Steps of the same stage */
            needs: string[];
            /** @enum {string} */
            onFailure: "stop" | "continue";
            state: components["schemas"]["RunState"];
            hostCount: number;
            counts: components["schemas"]["ExecutionCounts"];
            /** @description Of a step that declares some and is over: what its hosts told, drawn together */
            outputs?: {
                [key: string]: string | number | boolean | string[];
            };
            /** @description Why it has failed by them */
            outputsFault?: string;
            /** @description Since when it has its turn, in the present round */
            openedAt?: string;
            /** @description It has its turn only where this is met */
            condition?: string;
            /** @description Which hosts of a step before it it goes to: chosen when its turn has come */
            chooses?: string;
            /** @description STEP.OUTPUT of a step before it: it is done once for each item that this tells */
            each?: string;
            /** @description What the condition of its stage and its own have come to, once its turn had come */
            decision?: {
                stage?: {
                    met: boolean;
                    /** @description What it went by, cut where it is long; null: there was no value */
                    values: {
                        [key: string]: string | null;
                    };
                };
                step?: {
                    met: boolean;
                    /** @description What it went by, cut where it is long; null: there was no value */
                    values: {
                        [key: string]: string | null;
                    };
                };
                /** @description How many were chosen of those that it might have gone to */
                hosts?: {
                    of: number;
                    chosen: number;
                };
                /** @description How many items a step before it has told */
                items?: {
                    count: number;
                    fault?: string;
                };
            };
            /** @description Why it was passed over, so that what needs it goes on */
            skippedBecause?: string;
            /** @description Somebody wants it skipped, or has had it skipped */
            skip?: {
                by: string;
                reason: string;
                /** @description RFC 3339, UTC */
                at: string;
            };
            /** @description Of a step that asks people; it has no settings of what is carried out */
            approval?: components["schemas"]["RunApproval"];
            /** @description Of a step that lets time pass; it has none either */
            wait?: components["schemas"]["RunWait"];
            /** @description How far it has come, where it goes in batches or may ask */
            rollout?: components["schemas"]["RunRollout"];
        };
        RunStepSaid: {
            /** @description Its name, STAGE/STEP or STAGE.STEP */
            step: string;
            /** @default  */
            reason?: string;
        };
        RunWait: {
            forMs: number;
            /** @description RFC 3339, UTC */
            since?: string;
            /** @description RFC 3339, UTC */
            until?: string;
            because?: string;
        };
        RunWhy: {
            /** @description Tasks without hosts that wait, the first hundred */
            waiting: {
                task: number;
                step?: string;
                /** @description That would take it now */
                workers: number;
                /** @description How many of all, and by what the others would not: 0 of 12 workers: 8 are not meant, 4 have too little memory free */
                why: string;
            }[];
            /** @description Hosts that wait, the first hundred */
            hosts: {
                task: number;
                step?: string;
                host: string;
                /** @description As hosts and workers are now */
                why: string;
            }[];
            /** @description Those that went out, the last hundred */
            chosen: {
                task: number;
                step?: string;
                /** Format: uuid */
                worker: string;
                /** @description Workers that were found to fit */
                considered: number;
                /** @description From 0 to 100 each, before weights; absent for the only one */
                scores?: {
                    [key: string]: number;
                };
            }[];
        };
        Self: {
            id: string;
            name: string;
            role: string;
            permissions: string[];
            /** @description RFC 3339, UTC */
            expiresAt: string;
        };
        SqlCall: {
            url: string;
            /** @description As the job has it: ${{ secrets.NAME }} */
            password?: string;
            statement: string;
            /** @description Secrets and outputs as the job has them */
            values: (string | null)[];
            /** @enum {string} */
            mode: "read" | "write";
            rowsMax: number;
            tls?: {
                ca?: string;
                serverName?: string;
                insecure?: boolean;
                inClear?: boolean;
            };
            /** @description Columns of the first row, by the names of the values */
            extract: {
                [key: string]: string;
            };
            /** @description Columns of all rows, by the names of the lists */
            extractAll: {
                [key: string]: string;
            };
        };
        Stream: {
            size: number;
            head: number;
            tail: number;
            /** @description Bytes between head and tail; a host with an agent has them for days */
            gap: number;
            digest?: string;
        };
        TargetPreview: {
            hostCount: number;
            hosts: string[];
        };
        TargetPreviewRequest: {
            targets: string;
        };
        TimelineEntry: {
            seq: number;
            /** @description RFC 3339, UTC */
            at: string;
            kind: string;
            detail: {
                [key: string]: unknown;
            };
        };
        Upgrade: {
            /** Format: uuid */
            id: string;
            version: string;
            targets: string;
            createdBy: string;
            state: components["schemas"]["UpgradeState"];
            batch: number;
            maxFailed: number;
            waitMs: number;
            hostCount: number;
            counts: {
                [key: string]: number;
            };
            /** @description RFC 3339, UTC */
            createdAt: string;
            /** @description RFC 3339, UTC */
            finishedAt?: string;
            /** @description RFC 3339, UTC */
            cancelRequestedAt?: string;
        };
        UpgradeCreate: {
            /** @description As of a run */
            targets: string;
            /** @description The newest that the server has, unless given */
            version?: string;
            /**
             * @description Agents at once
             * @default 50
             */
            batch?: number;
            /**
             * @description More agents than this that fail end the upgrade
             * @default 0
             */
            maxFailed?: number;
            /** @description Longest for one agent, from its order to its end; 10m unless given */
            wait?: string;
        };
        /** @enum {string} */
        UpgradeState: "running" | "stopping" | "succeeded" | "failed" | "cancelled";
        Worker: {
            /** Format: uuid */
            id: string;
            name: string;
            zone: string;
            /** @description Of the token that it joined with */
            labels: {
                [key: string]: string;
            };
            agentAddress: string;
            linked: boolean;
            /** @description It takes no new work */
            drained: boolean;
            /** @description It is cut off for good since then */
            revokedAt?: string;
            /** @description Another process of it shows itself now, and is given nothing: its data folder is in use twice */
            copy?: {
                /** Format: uuid */
                instance: string;
                /** @description RFC 3339, UTC */
                since: string;
                /** @description RFC 3339, UTC */
                seenAt: string;
            };
            version?: string;
            /** @description RFC 3339, UTC */
            joinedAt: string;
            agents?: number;
            queued?: number;
            /** @description When the worker gave these figures: soon after a change, and when it is told to drain */
            figuresAt?: string;
            rssBytes?: number;
            lagMs?: number;
            /** @description Of its machine; absent where it takes no tasks without hosts */
            resources?: {
                total: components["schemas"]["Resources"];
                free: components["schemas"]["Resources"];
                /** @description Busy on average */
                loadMilliCpus: number;
            };
            /** @description What is under way and what waits, by the way it goes */
            lanes?: {
                agent: components["schemas"]["WorkerLane"];
                ssh: components["schemas"]["WorkerLane"];
                /** @description On its own machine; absent where it carries out nothing there */
                process?: components["schemas"]["WorkerLane"];
                /** @description Calls that it makes itself; absent where it makes none */
                calls?: components["schemas"]["WorkerLane"];
            };
        };
        WorkerJoin: {
            secret: string;
            csr: string;
            name: string;
            version: string;
            /** @description The clock of the joining machine */
            nowMs?: number;
        };
        WorkerJoined: {
            /** Format: uuid */
            workerId: string;
            zone: string;
            certificate: string;
            ca: string;
            nowMs: number;
        };
        WorkerLane: {
            underWay: number;
            capacity: number;
            high: components["schemas"]["WorkerQueue"];
            normal: components["schemas"]["WorkerQueue"];
            low: components["schemas"]["WorkerQueue"];
        };
        WorkerQueue: {
            length: number;
            /** @description How long the oldest has waited */
            oldestMs: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listRuns: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                state?: string;
                name?: string;
                createdBy?: string;
                createdAfter?: string;
                createdBefore?: string;
                id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List runs, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Run"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createRun: {
        parameters: {
            query?: {
                output?: "true" | "false";
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunCreate"];
            };
        };
        responses: {
            /** @description Run a script or command on hosts, or on a worker */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input, bad-target, script-empty */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin, too-many-runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large, script-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched, too-many-targets */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    previewTargets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TargetPreviewRequest"];
            };
        };
        responses: {
            /** @description Tell which hosts a target expression matches */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TargetPreview"];
                };
            };
            /** @description bad-input, bad-target */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched, too-many-targets */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    planRun: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunCreate"];
            };
        };
        responses: {
            /** @description Check a run whole and tell where it would go and as whom; nothing is written */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunPlan"];
                };
            };
            /** @description bad-input, bad-target, script-empty */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large, script-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched, too-many-targets */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelRun: {
        parameters: {
            query?: {
                force?: "true" | "false";
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Start nothing more and end what runs; what comes finally is done after it, unless forced */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-already-finished */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    pauseRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunPause"];
            };
        };
        responses: {
            /** @description Start nothing more until it is resumed; what runs goes on to its end */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-already-finished, run-stopping */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resumeRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunPause"];
            };
        };
        responses: {
            /** @description Let a paused run go on; of one that is not paused nothing changes */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-already-finished, run-asks */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    answerRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunAnswer"];
            };
        };
        responses: {
            /** @description Answer what it asks: an approval, or whether a rollout goes on */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunAnswered"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description nothing-asked */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retryRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunRetry"];
            };
        };
        responses: {
            /** @description Open a new round over executions in the given states */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description nothing-to-retry, run-not-finished, too-many-runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    skipStep: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunStepSaid"];
            };
        };
        responses: {
            /** @description Skip a step that is not over: what runs of it is ended, and what needs it goes on */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found, step-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-already-finished, run-stopping, step-over */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a run with what it does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunDetail"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    explainRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Why tasks without hosts wait, and by what the workers of others were chosen */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunWhy"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTimeline: {
        parameters: {
            query?: {
                after?: number;
                limit?: number;
            };
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What happened to the run, and why */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["TimelineEntry"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    watchRun: {
        parameters: {
            query?: {
                after?: number;
                output?: "true" | "false";
            };
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events of a run; each has an id, and Last-Event-ID goes on after it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-requests, too-many-watchers */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listExecutions: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                state?: string;
                host?: string;
                task?: number;
            };
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List the executions of a run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Execution"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExecution: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                runId: string;
                task: number;
                ordinal: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show one execution and its earlier attempts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionDetail"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readOutput: {
        parameters: {
            query?: {
                stream?: "stdout" | "stderr";
                offset?: number;
                length?: number;
                source?: "kept" | "host";
                attempt?: number;
            };
            header?: never;
            path: {
                runId: string;
                task: number;
                ordinal: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Bytes of a stream: what is kept (head and tail), or the whole from the host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description output-not-available, run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, host-not-linked, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOutputGroups: {
        parameters: {
            query?: {
                hosts?: number;
                groups?: number;
                task?: number;
            };
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Executions that ended alike with the same output, folded */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["OutputGroup"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOutputValues: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                host?: string;
                task?: number;
                attempt?: number;
            };
            header?: never;
            path: {
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Output values: what scripts told through DROVER_OUTPUT, of executions that told some */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["OutputValues"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description run-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listJobs: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                name?: string;
                owner?: string;
                team?: string;
                tag?: string;
                state?: "draft" | "published" | "retired";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List jobs by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Job"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    applyJob: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobApply"];
            };
        };
        responses: {
            /** @description Make the text of a job its draft: of a new job, of a new version, or in the place of the draft; the same text again changes nothing */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobApplied"];
                };
            };
            /** @description bad-duration, bad-input, bad-target, job-cycle, job-expression, job-key-unknown, job-name-twice, job-reference-unknown, job-unreachable, job-unreadable, parameter-invalid, script-empty, script-format */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-changed */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large, script-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-jobs */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    validateJob: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobValidate"];
            };
        };
        responses: {
            /** @description What is wrong with the text of a job, all of it at once, with lines and columns */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobValidated"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeJob: {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                job: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-has-runs, job-version-state */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retireJob: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                job: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobRetire"];
            };
        };
        responses: {
            /** @description Retire every version of a job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-version-state */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getJobVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a version of a job, with its text */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobVersionDetail"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeJobVersion: {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                job: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-version-state */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listJobVersions: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                job: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The versions of a job, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["JobVersion"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportJobVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The text of a version as it was sent, byte for byte */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    publishJobVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                job: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobVersionMove"];
            };
        };
        responses: {
            /** @description Publish a draft: from then on it never changes, and is what runs of the job take */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobVersion"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-changed, job-version-state */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retireJobVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                job: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobVersionMove"];
            };
        };
        responses: {
            /** @description Retire a version: it is kept, and nothing runs by it any more */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobVersion"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-changed, job-version-state */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    diffJobVersions: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
            };
            header?: never;
            path: {
                job: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the text of one version becomes that of another, line by line */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDiff"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    runJob: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                job: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobRun"];
            };
        };
        responses: {
            /** @description Run a published version of a job */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input, bad-target, parameter-invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found, job-not-found, job-version-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin, job-version-state, too-many-runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched, too-many-targets */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description schema-newer */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listHosts: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                linked?: "true" | "false";
                twins?: "true" | "false";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List hosts by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Host"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createHost: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostCreate"];
            };
        };
        responses: {
            /** @description Add a host that is reached over SSH */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description label-protected, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description jump-path-invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHost: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a host and its facts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeHost: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-in-use, host-is-jump-host */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    editHost: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostEdit"];
            };
        };
        responses: {
            /** @description Change how a host is reached, its account or its name; what is not given stays, null takes away */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description label-protected, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-jump-host, host-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description jump-path-invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    labelHost: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostLabel"];
            };
        };
        responses: {
            /** @description Set and remove labels */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description label-protected, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    importHosts: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again; ignored where the body asks for nothing to be written */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostImport"];
            };
        };
        responses: {
            /** @description Add and change many hosts, all or none; what is not given of a host that exists stays */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostImported"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description label-protected, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description jump-path-invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    testHost: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostTest"];
            };
        };
        responses: {
            /** @description Try the way to a host over SSH, step by step */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostTested"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-ambiguous */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-missing, host-without-address */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded, zone-without-worker */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    acceptTwin: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Take a twin as the machine of its own that it is: it gets work as any other host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-twin */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceByTwin: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Let a twin take the place of the host that it is: with its name, labels, address and account; the former goes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-in-use, host-not-twin */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listHostKeys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List the keys that a host is known by, and those that it offered since */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["HostKey"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    importHostKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostKeyImport"];
            };
        };
        responses: {
            /** @description Take keys of hosts from elsewhere, all or none; they are believed from then on */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostKeysImported"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-host-keys */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    acceptHostKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
                fingerprint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Believe a key that a host offered; known keys of the same kind go */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostKey"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-key-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeHostKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                host: string;
                fingerprint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-key-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAgents: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                problems?: "true";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List agents */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Agent"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show an agent, its load and what is wrong with it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cut an agent off for good */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    keepAgentInstance: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentKeep"];
            };
        };
        responses: {
            /** @description Decide which of two copies of an agent is the right one; the other is never let in again */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    joinAgent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentJoin"];
            };
        };
        responses: {
            /** @description Enrol an agent with a join token */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentJoined"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description join-token-expired, join-token-invalid */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description label-protected */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAgentPackages: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Versions of the agent that this server has, newest first, with what is wrong with them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AgentPackages"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    installAgents: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentInstall"];
            };
        };
        responses: {
            /** @description Install agents by a run of the installer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input, bad-target */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found, package-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched, package-invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    uninstallAgents: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentUninstall"];
            };
        };
        responses: {
            /** @description Take agents off hosts by a run of the installer, over SSH */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description bad-input, bad-target */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-out-of-scope, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found, host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listUpgrades: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List upgrades, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Upgrade"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createUpgrade: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpgradeCreate"];
            };
        };
        responses: {
            /** @description Upgrade agents, batch by batch */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upgrade"];
                };
            };
            /** @description bad-input, bad-target */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found, package-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-is-twin, upgrade-in-progress */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description no-target-matched, package-invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getUpgrade: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show an upgrade */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upgrade"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listUpgradeAgents: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How each agent of an upgrade stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AgentUpgrade"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelUpgrade: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Order no further batch; what is ordered ends */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upgrade"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description upgrade-already-finished */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWorkers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List workers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Worker"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getWorker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a worker, its queues and what it has under way */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    drainWorker: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Give a worker no new work; what is under way ends, and its agents go to the others of the zone */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resumeWorker: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Give a drained worker work again */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeWorker: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cut a worker off for good, on every server; its agents go to the others of the zone */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    joinWorker: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkerJoin"];
            };
        };
        responses: {
            /** @description Enrol a worker with a join token */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerJoined"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description join-token-expired, join-token-invalid */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listJoinTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List join tokens that still can be used */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["JoinToken"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createJoinToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JoinTokenCreate"];
            };
        };
        responses: {
            /** @description Make a token for agents or workers to join with */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JoinTokenCreated"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description label-protected, permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description secret-shown-once */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeJoinToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List API tokens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["ApiToken"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApiTokenCreate"];
            };
        };
        responses: {
            /** @description Make an API token */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiTokenCreated"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description agents-share-user, secret-shown-once, token-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: {
                cancelRuns?: "true" | "false";
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoke an API token. Its runs go on, unless they are cancelled with it, for which job.run.cancel is asked as well */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiTokenRevoked"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSelf: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who am I, and what may I do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Self"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAccounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List accounts by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Account"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountCreate"];
            };
        };
        responses: {
            /** @description Make an account; its secrets are checked, sealed, and never shown again */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description bad-credential, bad-input, bad-target */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-accounts */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show an account */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeAccount: {
        parameters: {
            query?: {
                force?: "true" | "false";
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-in-use */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description Change an account; what is not given stays */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description bad-credential, bad-input, bad-target */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description account-changed, account-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    explainAccount: {
        parameters: {
            query?: {
                as?: string;
            };
            header?: never;
            path: {
                host: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Which account a run would take on this host, and why */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountChoice"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description host-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotateKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Re-encrypt all stored secrets under the newest master key; may be repeated */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyRotation"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listChannels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List channels by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Channel"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createChannel: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelCreate"];
            };
        };
        responses: {
            /** @description Make a channel; where it leads is sealed, and never shown again */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
            /** @description bad-duration, bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-channels */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getChannel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                channel: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a channel */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeChannel: {
        parameters: {
            query?: {
                force?: "true" | "false";
            };
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                channel: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-in-use */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeChannel: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                channel: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelChange"];
            };
        };
        responses: {
            /** @description Change a channel; what is not given stays */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
            /** @description bad-duration, bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-changed, channel-in-use, channel-name-taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    testChannel: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                channel: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Send one message by a channel now, and tell what the far end said */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelTested"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-busy */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description secret-unreadable */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNotices: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                channel?: string;
                state?: "waiting" | "delivered" | "failed";
                event?: "failed" | "timed_out" | "lost" | "cancelled" | "recovered" | "succeeded" | "late" | "asks";
                run?: string;
                job?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List notices, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Notice"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNotice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show a notice, what it says, and every try to tell it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NoticeDetail"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description notice-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNoticeRules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List the rules that say who is told of what, oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["NoticeRule"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addNoticeRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NoticeRuleAdd"];
            };
        };
        responses: {
            /** @description Have a channel told of ends of runs, and that they are late: of all, or of those of a job, an owner or a team */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NoticeRule"];
                };
            };
            /** @description bad-duration, bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description channel-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description body-too-large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description too-many-notice-rules */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    removeNoticeRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key with the same request gets the first answer again */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description notice-rule-not-found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                action?: string;
                actor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Read the audit trail, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AuditEntry"][];
                        /** @description Pass it as cursor for the next page; absent on the last */
                        next?: string;
                    };
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    verifyAudit: {
        parameters: {
            query?: {
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Check the chain of the audit, a page at a time: neither whole nor with a fault, go on after `through` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditCheck"];
                };
            };
            /** @description bad-input */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description token-expired, unauthenticated */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description permission-denied */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-unavailable, overloaded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description database-full */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
