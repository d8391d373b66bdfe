//! The object keys that a format reads.

use crate::json::PathKey;

macro_rules! keys {
    ($($key:ident = $name:literal),* $(,)?) => {
        /// An object key that a format reads, or a place in an array.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each variant is the key of the same name")]
        pub enum AnswerKey {
            /// Any element of an array.
            Item,
            /// Any key that no format reads.
            Ignored,
            $($key),*
        }

        impl PathKey for AnswerKey {
            const ITEM: Self = Self::Item;
            const IGNORED: Self = Self::Ignored;

            fn from_name(name: &[u8]) -> Self {
                // The compiler makes a tree over length and bytes of these literal patterns.
                // Its speed matters, because each key of an answer is looked up.
                match name {
                    $($name => Self::$key,)*
                    _ => Self::Ignored,
                }
            }
        }
    };
}

keys! {
    Audio = b"audio",
    BaseResp = b"base_resp",
    BilledUnits = b"billed_units",
    BlockReason = b"blockReason",
    CacheCreationInputTokens = b"cache_creation_input_tokens",
    CacheReadInputTokens = b"cache_read_input_tokens",
    CacheReadInputTokensCamel = b"cacheReadInputTokens",
    CacheWriteInputTokens = b"cacheWriteInputTokens",
    CachedContentTokenCount = b"cachedContentTokenCount",
    CachedTokens = b"cached_tokens",
    Candidates = b"candidates",
    CandidatesTokenCount = b"candidatesTokenCount",
    Choices = b"choices",
    CitationsContent = b"citationsContent",
    CodeExecutionResult = b"codeExecutionResult",
    CompletionTokens = b"completion_tokens",
    CompletionTokensDetails = b"completion_tokens_details",
    Content = b"content",
    ContentBlock = b"content_block",
    Delta = b"delta",
    Document = b"document",
    Done = b"done",
    DoneReason = b"done_reason",
    Error = b"error",
    EvalCount = b"eval_count",
    ExecutableCode = b"executableCode",
    FileData = b"fileData",
    FinishReason = b"finishReason",
    FinishReasonSnake = b"finish_reason",
    FunctionCall = b"functionCall",
    FunctionCallSnake = b"function_call",
    Image = b"image",
    Images = b"images",
    IncompleteDetails = b"incomplete_details",
    InlineData = b"inlineData",
    InputTokens = b"input_tokens",
    InputTokensCamel = b"inputTokens",
    InputTokensDetails = b"input_tokens_details",
    Message = b"message",
    Model = b"model",
    ModelVersion = b"modelVersion",
    Object = b"object",
    Output = b"output",
    OutputItem = b"item",
    OutputTokens = b"output_tokens",
    OutputTokensCamel = b"outputTokens",
    OutputTokensDetails = b"output_tokens_details",
    PartialJson = b"partial_json",
    Parts = b"parts",
    PredictedN = b"predicted_n",
    PromptEvalCount = b"prompt_eval_count",
    PromptFeedback = b"promptFeedback",
    PromptN = b"prompt_n",
    PromptTokenCount = b"promptTokenCount",
    PromptTokens = b"prompt_tokens",
    PromptTokensDetails = b"prompt_tokens_details",
    Reason = b"reason",
    Reasoning = b"reasoning",
    ReasoningContent = b"reasoning_content",
    ReasoningContentCamel = b"reasoningContent",
    ReasoningTokens = b"reasoning_tokens",
    Refusal = b"refusal",
    Response = b"response",
    Start = b"start",
    Status = b"status",
    StatusCode = b"status_code",
    StopReason = b"stop_reason",
    StopReasonCamel = b"stopReason",
    Summary = b"summary",
    Text = b"text",
    Thinking = b"thinking",
    ThoughtsTokenCount = b"thoughtsTokenCount",
    Timings = b"timings",
    Tokens = b"tokens",
    ToolCalls = b"tool_calls",
    ToolPlan = b"tool_plan",
    ToolResult = b"toolResult",
    ToolUse = b"toolUse",
    Type = b"type",
    Usage = b"usage",
    UsageMetadata = b"usageMetadata",
    Video = b"video",
    XGroq = b"x_groq",
}
