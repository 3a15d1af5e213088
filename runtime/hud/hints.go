package hud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The hints HUD's Python client gives, each in one line.
const (
	hintKey     = "set HUD_API_KEY in the environment or with `hud set HUD_API_KEY=…`; get a key at https://hud.ai; check it for white space and for a missing end"
	hintRate    = "lower max_concurrent, wait between requests, or check your quotas"
	hintCredits = "top up or upgrade at https://hud.ai/project/billing"
	hintPro     = "upgrade at https://hud.ai/project/billing"
	hintMoved   = "redirects are not followed: give the address it leads to"
	hintUnknown = "the service may have done it all the same: trainer:recover() finds out (in Go TrainingClient.Recover)"
	hintForward = "a forward pass changes nothing: call it again"
)

// An answer is what an error response says.
type answer struct {
	status int
	text   string // at most maxErrorText
	detail string
	code   Code   // of a service that says which, else ""
	hint   string // likewise
}

// maxErrorText is how much of an error response is kept.
const maxErrorText = 500

// knownCodes are those a service may send.
var knownCodes = []Code{
	CodeValidation, CodeAuth, CodeNotFound, CodeRateLimited, CodeTimeout, CodeConflict, CodeNoGradient, CodeServer, CodeLimit,
}

// readAnswer makes sense of the body of an error response. It prefers a
// member "detail"; "code" and "hint" are hudrl's own.
func readAnswer(status int, body []byte) answer {
	a := answer{status: status, text: strings.ToValidUTF8(string(body[:min(len(body), maxErrorText)]), "")}
	a.detail = fmt.Sprintf("Request failed with status %d", status)
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return a
	}
	if text := detailText(object["detail"]); text != "" {
		a.detail = text
	} else if len(object) > 0 && len(object) <= 5 {
		var compact bytes.Buffer
		if json.Compact(&compact, body) == nil && compact.Len() <= maxErrorText {
			a.detail += " - JSON response: " + compact.String()
		}
	}
	var code Code
	if json.Unmarshal(object["code"], &code) == nil {
		for _, k := range knownCodes {
			if code == k {
				a.code = code
			}
		}
	}
	if json.Unmarshal(object["hint"], &a.hint) != nil {
		a.hint = ""
	}
	return a
}

// detailText is a detail as a sentence: a string, or the list of what is
// wrong with which field that FastAPI sends.
func detailText(detail json.RawMessage) string {
	var text string
	if json.Unmarshal(detail, &text) == nil {
		return clipText(text)
	}
	var list []struct {
		Loc []any  `json:"loc"`
		Msg string `json:"msg"`
	}
	if json.Unmarshal(detail, &list) == nil && len(list) > 0 && list[0].Msg != "" {
		var parts []string
		for _, d := range list {
			var path []string
			for _, step := range d.Loc {
				if step != "body" {
					path = append(path, fmt.Sprint(step))
				}
			}
			parts = append(parts, strings.TrimPrefix(strings.Join(path, ".")+": "+d.Msg, ": "))
		}
		return clipText(strings.Join(parts, "; "))
	}
	switch string(detail) {
	case "", "null", "false", "0", "[]", "{}":
		return ""
	}
	return clipText(string(detail))
}

func clipText(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorText], "") + "…"
}

// failure is the error of an error response.
func (a answer) failure(op string) *Error {
	e := &Error{Op: op, Code: a.code, Status: a.status, Detail: a.detail, Hint: a.hint}
	said := strings.ToLower(a.detail + " " + a.text)
	code, hint := CodeServer, ""
	switch s := a.status; {
	case s == 401:
		code, hint = CodeAuth, hintKey
	case s == 402:
		code, hint = CodeAuth, hintCredits
	case s == 403:
		code, hint = CodeAuth, hintKey
		for _, mark := range []string{"pro plan", "requires pro", "pro mode"} {
			if strings.Contains(said, mark) || strings.HasPrefix(said, "pro ") {
				hint = hintPro
			}
		}
	case s == 404, s == 410:
		code = CodeNotFound
	case s == 408, s == 504:
		code = CodeTimeout
	case s == 409 && strings.Contains(said, "no accumulated gradient"):
		code = CodeNoGradient
	case s == 409, s == 412, s == 425:
		code = CodeConflict
	case s == 429:
		code, hint = CodeRateLimited, hintRate
	case s >= 400 && s < 500:
		code = CodeValidation
	case s < 400:
		hint = hintMoved
	}
	if e.Code == "" {
		e.Code = code
	}
	if e.Hint == "" {
		e.Hint = hint
	}
	return e
}
