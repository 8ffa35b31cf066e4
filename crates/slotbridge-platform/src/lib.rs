//! What every booking platform adapter is made of: the trait, capabilities, errors, the shared HTTP client, the conformance suite.
