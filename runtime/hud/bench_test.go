package hud_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// response is what HUD's service answers to forward: n datums of t tokens,
// float32s as Python writes them.
func response(n, t int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := []byte(`{"forward_id": "f-1", "data": [`)
	for d := range n {
		if d > 0 {
			b = append(b, ", "...)
		}
		b = fmt.Appendf(b, `{"reward": %v, "traj_idx": %d, "group_idx": %d`, rng.Float64(), d, d/8)
		for _, name := range []string{"logprobs", "sampling_logprobs", "mask"} {
			b = fmt.Appendf(b, `, "%s": [`, name)
			for i := range t {
				if i > 0 {
					b = append(b, ", "...)
				}
				if name == "mask" {
					b = append(b, "1.0"...)
				} else {
					b = strconv.AppendFloat(b, float64(-float32(rng.ExpFloat64())), 'g', -1, 64)
				}
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// A canned answer of a whole forward pass over loopback TCP: what the client
// costs, from the connection to the packed batch and back.
func BenchmarkCustomPass(b *testing.B) {
	for _, size := range [][2]int{{64, 512}, {256, 1024}} {
		n, t := size[0], size[1]
		b.Run(fmt.Sprintf("%dx%d", n, t), func(b *testing.B) {
			answer := response(n, t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if r.URL.Path[len(r.URL.Path)-7:] == "forward" {
					w.Write(answer)
				} else {
					io.WriteString(w, `{"metrics":{},"num_datums":1}`)
				}
			}))
			defer server.Close()
			remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}})
			if err != nil {
				b.Fatal(err)
			}
			in := []hud.TrainInput{{Payload: &hud.TrajectoryPayload{Samples: []hud.TrajectorySample{{PromptTokenIDs: make([]int, n*t), OutputTokenIDs: []int{1}}}}}}
			weights := make([][]float32, n)
			b.SetBytes(int64(len(answer)))
			b.ReportAllocs()
			for b.Loop() {
				fwd, err := remote.Forward(context.Background(), "m", &hud.ForwardRequest{Inputs: in[:1], RewardScale: 1})
				if err != nil {
					b.Fatal(err)
				}
				for d := range weights {
					lo, hi := fwd.Data.Range(d)
					weights[d] = fwd.Data.Logprobs[lo:hi]
				}
				if _, err := remote.Backward(context.Background(), "m", &hud.BackwardRequest{ForwardID: "f", Weights: weights}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
