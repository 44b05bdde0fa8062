// A peer in Go: full TLS handshakes with one server, no session resumed, no certificate verified, so many in flight;
// with -request a GET on each, its answer read to the end. Prints what the counted stretch took as JSON.
//
//	peer -addr 127.0.0.1:8443 -count 2000 -warm 200 -inflight 64 [-request]
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// The request that prober sends, but for the name of its maker.
const request = "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: peer\r\nAccept: */*\r\nConnection: close\r\n\r\n"

type spent struct {
	Count  int     `json:"count"`
	User   float64 `json:"user"`
	System float64 `json:"system"`
	Wall   float64 `json:"wall"`
	Go     string  `json:"go"`
}

func handshake(addr string, config *tls.Config, ask bool) error {
	raw, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	conn := tls.Client(raw, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	state := conn.ConnectionState()
	if state.DidResume || len(state.PeerCertificates) == 0 {
		return fmt.Errorf("not a full handshake")
	}
	if !ask {
		return nil
	}
	if _, err := fmt.Fprintf(conn, request, addr); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", answer.Status)
	}
	return nil
}

func round(addr string, config *tls.Config, ask bool, count, inflight int) {
	due := make(chan struct{}, count)
	for range make([]struct{}, count) {
		due <- struct{}{}
	}
	close(due)
	var all sync.WaitGroup
	for range make([]struct{}, inflight) {
		all.Add(1)
		go func() {
			defer all.Done()
			for range due {
				if err := handshake(addr, config, ask); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		}()
	}
	all.Wait()
}

func seconds(t syscall.Timeval) float64 {
	return float64(t.Sec) + float64(t.Usec)/1e6
}

func usage() syscall.Rusage {
	var now syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &now); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return now
}

func main() {
	addr := flag.String("addr", "", "host:port of the server")
	count := flag.Int("count", 2000, "handshakes that are counted")
	warm := flag.Int("warm", 200, "handshakes before them")
	inflight := flag.Int("inflight", 64, "handshakes at once")
	ask := flag.Bool("request", false, "make a GET request on each connection")
	flag.Parse()
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	round(*addr, config, *ask, *warm, *inflight)
	before, began := usage(), time.Now()
	round(*addr, config, *ask, *count, *inflight)
	wall, after := time.Since(began), usage()
	err := json.NewEncoder(os.Stdout).Encode(spent{
		Count:  *count,
		User:   seconds(after.Utime) - seconds(before.Utime),
		System: seconds(after.Stime) - seconds(before.Stime),
		Wall:   wall.Seconds(),
		Go:     runtime.Version(),
	})
	if err != nil {
		os.Exit(1)
	}
}
