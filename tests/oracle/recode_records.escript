%% Decodes and encodes records with Erlang's ASN.1 compiler, a decoder that shares nothing with the product.
%%   recode_records.escript FOLDER < LINES
%% FOLDER has R18.asn1 and R19.asn1, closures of the official modules. A line is "RELEASE HEX"; the answer is a
%% line of JSON: {"same":BOOLEAN,"value":VALUE} or {"error":TEXT}. Within VALUE a text begins with its kind:
%% "e" for a name, "o" for octets in hex, "b" for bits (HEX/NUMBER, as whole octets), "t" for characters.
-mode(compile).

main([Folder]) ->
	ok = file:set_cwd(Folder),
	[load(R) || R <- wait([spawn_monitor(fun() -> build(R) end) || R <- ["R18", "R19"]], ["R18", "R19"])],
	ok = io:setopts(standard_io, [binary, {encoding, latin1}]),
	lines().

%% asn1ct reads and writes files beside the module. Optimizing the code takes ten times as long as it saves.
build(Release) ->
	ok = asn1ct:compile(Release, [ber, maps, noobj]),
	{ok, _} = compile:file(Release, [no_ssa_opt, no_copt, no_postopt, no_bsm_opt, no_type_opt]).

wait([], Releases) ->
	Releases;
wait([{Pid, Ref} | Rest], Releases) ->
	receive
		{'DOWN', Ref, process, Pid, normal} -> wait(Rest, Releases);
		{'DOWN', Ref, process, Pid, Why} -> io:format(standard_error, "~p~n", [Why]), halt(1)
	end.

load(Release) ->
	{module, _} = code:load_abs(filename:absname(Release)).

lines() ->
	case io:get_line("") of
		eof -> ok;
		Line ->
			[Release, Hex] = binary:split(string:trim(Line), <<" ">>),
			io:put_chars([answer(binary_to_existing_atom(Release), binary:decode_hex(Hex)), $\n]),
			lines()
	end.

answer(Module, Octets) ->
	try
		{ok, Value} = Module:decode('XIRIPayload', Octets),
		{ok, Again} = Module:encode('XIRIPayload', Value),
		[<<"{\"same\":">>, atom_to_binary(Again =:= Octets), <<",\"value\":">>, json(Value), $}]
	catch
		_:Why -> [<<"{\"error\":\"">>, [C || C <- lists:flatten(io_lib:format("~0P", [Why, 20])), C >= $ , C < 127, C =/= $", C =/= $\\], <<"\"}">>]
	end.

json(Map) when is_map(Map) ->
	[${, lists:join($,, [member(K, V) || {K, V} <- maps:to_list(Map)]), $}];
json({Alternative, Value}) when is_atom(Alternative) ->
	[${, member(Alternative, Value), $}];
json(Numbers) when is_tuple(Numbers) ->
	[$[, lists:join($,, [json(N) || N <- tuple_to_list(Numbers)]), $]];
json(Value) when is_boolean(Value) ->
	atom_to_binary(Value);
json(Name) when is_atom(Name) ->
	[$", $e, atom_to_binary(Name), $"];
json(Number) when is_integer(Number) ->
	integer_to_binary(Number);
json(Octets) when is_binary(Octets) ->
	[$", $o, binary:encode_hex(Octets), $"];
json(Bits) when is_bitstring(Bits) ->
	Size = bit_size(Bits),
	[$", $b, binary:encode_hex(<<Bits/bits, 0:(8 - Size rem 8)>>), $/, integer_to_binary(Size), $"];
json([First | _] = Text) when is_integer(First) ->
	[$", $t, Text, $"];
json(List) when is_list(List) ->
	[$[, lists:join($,, [json(V) || V <- List]), $]].

member(Name, Value) ->
	[$", atom_to_binary(Name), $", $:, json(Value)].
