//! Forms of tokens, key sets and URLs that real issuers send and that strict readings of the RFCs refuse: each is accepted with the
//! reason in the documentation, or by an option.

mod claims_mismatch;
mod documents;
mod plain_http;
mod subjects;
mod time_outs;
