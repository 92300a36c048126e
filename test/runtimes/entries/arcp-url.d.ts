/** Where the runtime under test listens; put in by whoever bundles the session. */
declare const arcpUrl: string;
