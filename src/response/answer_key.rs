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

            fn is_text(self) -> bool {
                use AnswerKey::{Bytes, Content, Delta, Generation, OutputText, Refusal, Response};
                matches!(
                    self,
                    Bytes | Content | Delta | Generation | OutputText | Refusal | Response
                        | AnswerKey::Text
                )
            }
        }
    };
}

keys! {
    AmazonGuardrailAction = b"amazon-bedrock-guardrailAction",
    AmazonMetrics = b"amazon-bedrock-invocationMetrics",
    Audio = b"audio",
    BaseResp = b"base_resp",
    BilledUnits = b"billed_units",
    BlockReason = b"blockReason",
    Bytes = b"bytes",
    CacheCreationInputTokens = b"cache_creation_input_tokens",
    CacheCreationTokens = b"cache_creation_tokens",
    CacheN = b"cache_n",
    CacheReadInputTokenCount = b"cacheReadInputTokenCount",
    CacheReadInputTokens = b"cache_read_input_tokens",
    CacheReadInputTokensCamel = b"cacheReadInputTokens",
    CacheWriteInputTokenCount = b"cacheWriteInputTokenCount",
    CacheWriteInputTokens = b"cacheWriteInputTokens",
    CacheWriteTokens = b"cache_write_tokens",
    CachedContentTokenCount = b"cachedContentTokenCount",
    CachedTokens = b"cached_tokens",
    Candidates = b"candidates",
    CandidatesTokenCount = b"candidatesTokenCount",
    Choices = b"choices",
    CitationsContent = b"citationsContent",
    Code = b"code",
    CodeExecutionResult = b"codeExecutionResult",
    CompletionMessage = b"completion_message",
    CompletionReason = b"completionReason",
    CompletionTokens = b"completion_tokens",
    CompletionTokensDetails = b"completion_tokens_details",
    Content = b"content",
    ContentBlock = b"content_block",
    ContentBlockDelta = b"contentBlockDelta",
    ContentBlockStart = b"contentBlockStart",
    Data = b"data",
    Delta = b"delta",
    Document = b"document",
    Done = b"done",
    DoneReason = b"done_reason",
    Error = b"error",
    ErrorCode = b"error_code",
    ErrorType = b"error_type",
    Errors = b"errors",
    EvalCount = b"eval_count",
    Event = b"event",
    EventType = b"event_type",
    ExecutableCode = b"executableCode",
    ExecutedTools = b"executed_tools",
    FileData = b"fileData",
    FinishReason = b"finishReason",
    FinishReasonSnake = b"finish_reason",
    FlaggedInput = b"flagged_input",
    FunctionCall = b"functionCall",
    FunctionCallSnake = b"function_call",
    FunctionResponse = b"functionResponse",
    Generation = b"generation",
    GenerationTokenCount = b"generation_token_count",
    Generations = b"generations",
    GuardContent = b"guardContent",
    Image = b"image",
    Images = b"images",
    IncompleteDetails = b"incomplete_details",
    Index = b"index",
    InlineData = b"inlineData",
    InnerError = b"innererror",
    InnerErrorCamel = b"innerError",
    InputTextTokenCount = b"inputTextTokenCount",
    InputTokenCount = b"inputTokenCount",
    InputTokens = b"input_tokens",
    InputTokensCamel = b"inputTokens",
    InputTokensDetails = b"input_tokens_details",
    Message = b"message",
    MessageStop = b"messageStop",
    Meta = b"meta",
    Metadata = b"metadata",
    MetricName = b"metric",
    MetricValue = b"value",
    Metrics = b"metrics",
    Model = b"model",
    ModelVersion = b"modelVersion",
    NativeFinishReason = b"native_finish_reason",
    NumCachedTokens = b"num_cached_tokens",
    Object = b"object",
    Output = b"output",
    OutputItem = b"item",
    OutputText = b"outputText",
    OutputTokenCount = b"outputTokenCount",
    OutputTokens = b"output_tokens",
    OutputTokensCamel = b"outputTokens",
    OutputTokensDetails = b"output_tokens_details",
    Outputs = b"outputs",
    PartialImage = b"partial_image_b64",
    PartialJson = b"partial_json",
    Parts = b"parts",
    PredictedN = b"predicted_n",
    PromptCacheHitTokens = b"prompt_cache_hit_tokens",
    PromptEvalCount = b"prompt_eval_count",
    PromptFeedback = b"promptFeedback",
    PromptN = b"prompt_n",
    PromptTokenCount = b"promptTokenCount",
    PromptTokenCountSnake = b"prompt_token_count",
    PromptTokens = b"prompt_tokens",
    PromptTokensDetails = b"prompt_tokens_details",
    ProviderFields = b"provider_specific_fields",
    Raw = b"raw",
    Reason = b"reason",
    Reasoning = b"reasoning",
    ReasoningContent = b"reasoning_content",
    ReasoningContentCamel = b"reasoningContent",
    ReasoningDetails = b"reasoning_details",
    ReasoningText = b"reasoning_text",
    ReasoningTokens = b"reasoning_tokens",
    Refusal = b"refusal",
    RequestId = b"request_id",
    Response = b"response",
    Results = b"results",
    SearchResult = b"searchResult",
    Start = b"start",
    Status = b"status",
    StatusCode = b"status_code",
    StopReason = b"stop_reason",
    StopReasonCamel = b"stopReason",
    Summary = b"summary",
    Text = b"text",
    Thinking = b"thinking",
    ThinkingBlocks = b"thinking_blocks",
    ThinkingTokens = b"thinking_tokens",
    Thought = b"thought",
    ThoughtsTokenCount = b"thoughtsTokenCount",
    Timings = b"timings",
    TokenCount = b"tokenCount",
    To = b"to",
    Tokens = b"tokens",
    ToolCall = b"toolCall",
    ToolCalls = b"tool_calls",
    ToolPlan = b"tool_plan",
    ToolResponse = b"toolResponse",
    ToolResult = b"toolResult",
    ToolUse = b"toolUse",
    ToolUsePromptTokenCount = b"toolUsePromptTokenCount",
    TotalOutputTextTokenCount = b"totalOutputTextTokenCount",
    TotalTokens = b"total_tokens",
    Transcript = b"transcript",
    Type = b"type",
    Usage = b"usage",
    UsageMetadata = b"usageMetadata",
    Video = b"video",
    XGroq = b"x_groq",
}
