package replay_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/replay"
)

// Two chats are recorded. A replay answers the first as the service did; what
// is asked then is not what was recorded.
func Example() {
	ask := func(svc hud.Service, text string) (answer string, err error) {
		res, err := svc.Chat(context.Background(), &hud.ChatRequest{
			Model: hudtest.FakeModel, Messages: []hud.Message{{Role: "user", Content: text}}, MaxTokens: 5, Seed: new(uint64(1)),
		})
		if err != nil {
			return "", err
		}
		return res.Choices[0].Message.Content, nil
	}

	var file bytes.Buffer
	rec, err := replay.Record(hudtest.NewFake(), &file, replay.Options{About: replay.About{Service: "fake"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	first, _ := ask(rec, "What is 3 + 4?")
	_, _ = ask(rec, "What is 5 + 6?")
	if err := rec.Close(); err != nil {
		fmt.Println(err)
		return
	}

	player, err := replay.Open(&file, replay.PlayOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	again, _ := ask(player, "What is 3 + 4?")
	fmt.Println(again == first)
	_, err = ask(player, "What is 5 + 7?")
	fmt.Println(err)
	// Output:
	// true
	// replay: chat: messages[1].content: the script has "What is 5 + 7?"; line 3 of the recording has "What is 5 + 6?"
}
