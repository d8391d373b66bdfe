//! The object keys that matter to any format.

macro_rules! keys {
    ($($key:ident = $name:literal),* $(,)?) => {
        /// An object key, or a place in a list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the key of that name")]
        pub enum Key {
            /// Any element of a list.
            Item,
            /// Any key that matters to no format.
            Other,
            $($key),*
        }

        impl Key {
            /// The key of that name.
            #[allow(non_upper_case_globals, reason = "named as the variants are")]
            pub fn from_bytes(name: &[u8]) -> Self {
                $(const $key: &[u8] = $name.as_bytes();)*
                match name {
                    $(x if x == $key => Self::$key,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

keys! {
    BlockReason = "blockReason",
    CachedContentTokenCount = "cachedContentTokenCount",
    CachedTokens = "cached_tokens",
    CacheCreationInputTokens = "cache_creation_input_tokens",
    CacheReadInputTokens = "cache_read_input_tokens",
    Candidates = "candidates",
    CandidatesTokenCount = "candidatesTokenCount",
    Choices = "choices",
    CompletionTokens = "completion_tokens",
    CompletionTokensDetails = "completion_tokens_details",
    Content = "content",
    Delta = "delta",
    Error = "error",
    FinishReason = "finishReason",
    FinishReasonSnake = "finish_reason",
    FunctionCall = "functionCall",
    FunctionCallSnake = "function_call",
    IncompleteDetails = "incomplete_details",
    InputTokens = "input_tokens",
    InputTokensDetails = "input_tokens_details",
    Message = "message",
    Model = "model",
    ModelVersion = "modelVersion",
    Object = "object",
    Output = "output",
    OutputTokens = "output_tokens",
    OutputTokensDetails = "output_tokens_details",
    PartialJson = "partial_json",
    Parts = "parts",
    PredictedN = "predicted_n",
    PromptFeedback = "promptFeedback",
    PromptN = "prompt_n",
    PromptTokenCount = "promptTokenCount",
    PromptTokens = "prompt_tokens",
    PromptTokensDetails = "prompt_tokens_details",
    Reason = "reason",
    Reasoning = "reasoning",
    ReasoningContent = "reasoning_content",
    ReasoningTokens = "reasoning_tokens",
    Refusal = "refusal",
    Response = "response",
    Status = "status",
    StopReason = "stop_reason",
    Text = "text",
    Thinking = "thinking",
    ThoughtsTokenCount = "thoughtsTokenCount",
    Timings = "timings",
    ToolCalls = "tool_calls",
    Type = "type",
    Usage = "usage",
    UsageMetadata = "usageMetadata",
    XGroq = "x_groq",
}
