%% SPDX-License-Identifier: Apache-2.0
%% Two processes toss one message to and fro; each message carries whom to answer.
-module(pp).
-export([main/1, echo/0]).

echo() -> receive {From, K} -> From ! K, echo() end.

toss(_, 0) -> ok;
toss(Echo, N) -> Echo ! {self(), N}, receive N -> toss(Echo, N - 1) end.

main([Count]) ->
    N = list_to_integer(atom_to_list(Count)),
    Echo = spawn(fun echo/0),
    T0 = erlang:monotonic_time(nanosecond),
    toss(Echo, N),
    Seconds = (erlang:monotonic_time(nanosecond) - T0) / 1.0e9,
    io:format("erlang-ping-pong release=~s messages=~p run_s=~p~n",
              [erlang:system_info(otp_release), 2 * N, Seconds]),
    halt().
