package hud

import "fmt"

// SFT makes a payload for cross_entropy of a conversation that ends with an
// assistant message: that message, with the token that ends a turn, is the
// output, all before it the prompt. The reward is 0 and there are no logprobs.
func SFT(tok Tokenizer, messages []Message) (*TrajectoryPayload, error) {
	const op = "sft"
	if len(messages) < 2 {
		return nil, &Error{Op: op, Code: CodeValidation, Detail: fmt.Sprintf("messages: got %d, want a prompt and an answer", len(messages))}
	}
	last := messages[len(messages)-1]
	if last.Role != "assistant" {
		return nil, &Error{Op: op, Code: CodeValidation, Detail: fmt.Sprintf("messages[%d]: role: got %q, want \"assistant\" last", len(messages), last.Role)}
	}
	prompt, err := tok.Render(messages[:len(messages)-1], true)
	if err != nil {
		return nil, &Error{Op: op, Code: CodeValidation, Detail: err.Error(), Err: err}
	}
	return &TrajectoryPayload{Samples: []TrajectorySample{{
		PromptTokenIDs: prompt,
		OutputTokenIDs: append(tok.Encode(last.Text()), tok.EndOfTurn()),
	}}}, nil
}
