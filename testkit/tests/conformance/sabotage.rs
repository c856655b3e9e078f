//! The rules that a model can be told to break.

/// One rule, broken: the session ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// ... sends every method as `GET`.
    AlwaysGets,
    /// ... is nobody once it has started, and said that it would be somebody.
    BecomesAnother,
    /// ... sleeps when it is dropped alive.
    BlocksWhenDropped,
    /// ... goes without the proxy of a request.
    BypassesTheProxy,
    /// ... says of every error that a retry is no use.
    CallsNothingRetryable,
    /// ... fails to close what is not alive.
    CannotCloseTwice,
    /// ... cannot start after a close.
    CannotStartAgain,
    /// ... fails to start what is alive.
    CannotStartTwice,
    /// ... has another kind once it is alive.
    ChangesItsKind,
    /// ... has other limits once it is alive.
    ChangesItsLimits,
    /// ... looks like another in its `User-Agent` alone.
    ChangesTheAgentAlone,
    /// ... takes credentials to wherever it is sent.
    CarriesCredentialsAlong,
    /// ... is alive once it was asked who it will be.
    ComesAliveWhenAsked,
    /// ... says that it never tried.
    CountsNoAttempt,
    /// ... fetches though nobody started it.
    FetchesWithoutAStart,
    /// ... follows redirects and does not tell.
    ForgetsTheHistory,
    /// ... fetches on a task that outlives the future.
    GoesOnWhenCancelled,
    /// ... goes through the proxy of a request, and does not tell.
    HidesTheProxy,
    /// ... waits as long as the server does.
    IgnoresTimeouts,
    /// ... leaves out what it cannot do, silently.
    IgnoresWhatItCannot,
    /// ... is alive before its start.
    IsBornAlive,
    /// ... puts a request's cookies into its jar.
    KeepsRequestCookies,
    /// ... keeps its connections when it is closed.
    LeavesConnectionsOpen,
    /// ... sends no bodies.
    LeavesOutBodies,
    /// ... sends as itself what shall look like another.
    LooksLikeItself,
    /// ... never frees the place of a cancelled fetch.
    LosesPlacesOfCancelled,
    /// ... does not say which request failed.
    NamesNoRequest,
    /// ... refuses options of other kinds.
    RefusesForeignOptions,
    /// ... is alive for ever.
    SaysAliveWhenClosed,
    /// ... never ends to think about who it will be.
    NeverSaysWho,
    /// ... adds a request's headers to its own.
    SendsHeadersTwice,
    /// ... shows bodies in the Debug of responses.
    ShowsBodies,
    /// ... shows its cookies in Debug.
    ShowsCookies,
    /// ... shows its headers in Debug.
    ShowsHeaders,
    /// ... shows the password of a URL in errors.
    ShowsPasswordsInErrors,
    /// ... ignores options that it does not have.
    SwallowsUnknownOptions,
    /// ... takes a 404 for an error.
    TakesAStatusForAnError,
    /// ... takes a body that breaks off for whole.
    TakesHalfABody,
    /// ... takes only the plain request.
    TakesOneTypeOfRequest,
    /// ... cuts bodies off.
    TruncatesBodies,
}
