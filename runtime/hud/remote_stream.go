package hud

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// streams reports whether a chat's answer is asked for in pieces: only of a
// service of hudrl's. HUD's client never does, and what another makes of token
// capture then is not known.
func (r *Remote) streams(ctx context.Context, op string) (bool, error) {
	err := r.extended(ctx, op, r.config.GatewayURL, "stream", "the service does not stream")
	if e, refused := err.(*Error); refused && e.Code == CodeValidation {
		return false, nil
	}
	return err == nil, err
}

// A streamed answer is put together from its events.
type streamed struct {
	res  *ChatResponse
	emit func(text string) // of choice 0
	told bool              // something was emitted: nobody may begin again
	done bool
}

// read reads server-sent events to their end.
func (s *streamed) read(src io.Reader) error {
	s.res, s.done = &ChatResponse{CheckpointID: CheckpointUnknown}, false
	lines := bufio.NewReader(src)
	for {
		line, err := lines.ReadBytes('\n')
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok && !s.done {
			if data = bytes.TrimSpace(data); string(data) == "[DONE]" {
				s.done = true
			} else if err := s.event(data); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && s.done && len(s.res.Choices) > 0:
			return nil
		case err == io.EOF && s.done:
			return &httpjson.Error{Path: "choices", Detail: "got none, want at least 1"}
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
}

// event takes in one piece.
func (s *streamed) event(data []byte) error {
	r := httpjson.Bytes(data)
	failed := (*Error)(nil)
	readers := answerReaders(r, s.res, func(index int, piece Choice) error {
		if index < 0 || index > len(s.res.Choices) {
			return &httpjson.Error{Path: "index", Detail: fmt.Sprintf("got %d after %d choices", index, len(s.res.Choices))}
		}
		if index == len(s.res.Choices) {
			s.res.Choices = append(s.res.Choices, Choice{Message: Message{Role: "assistant"}})
		}
		s.res.Choices[index].extend(piece)
		if text := piece.Message.Content; index == 0 && text != "" {
			s.told = true
			s.emit(text)
		}
		return nil
	})
	readers["error"] = func() error {
		failed = &Error{Op: "chat", Code: CodeServer}
		code := ""
		err := members(r, map[string]func() error{"message": text(r, &failed.Detail), "code": text(r, &code)})
		for _, known := range knownCodes {
			if code == string(known) {
				failed.Code = known
			}
		}
		return err
	}
	err := members(r, readers)
	if err == nil {
		err = r.End()
	}
	if err == nil && failed != nil {
		return failed
	}
	return err
}

// extend adds a piece of a choice.
func (c *Choice) extend(piece Choice) {
	c.Message.Content += piece.Message.Content
	c.Message.ToolCalls = append(c.Message.ToolCalls, piece.Message.ToolCalls...)
	if piece.FinishReason != "" {
		c.FinishReason = piece.FinishReason
	}
	if piece.PromptTokenIDs != nil {
		c.PromptTokenIDs = piece.PromptTokenIDs
	}
	c.TokenIDs = append(c.TokenIDs, piece.TokenIDs...)
	c.Logprobs = append(c.Logprobs, piece.Logprobs...)
	c.TopLogprobs = append(c.TopLogprobs, piece.TopLogprobs...)
}
