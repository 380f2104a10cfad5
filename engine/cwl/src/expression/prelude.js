// Runs before every library and expression, so that results depend on inputs alone: the clock stands still at the
// epoch, the time zone is UTC, and there is no randomness. Its value is a function that gives `inputs`, `self` and
// `runtime` their values for the next expression.
(function () {
  "use strict";
  var Clock = Date;
  var parse = Clock.parse;
  var isZoned = /(?:Z|GMT|UTC|[+-]\d\d:?\d\d)\s*(?:\(.*\))?$/i;
  var isDateOnly = /^\s*[+-]?\d+(?:-\d\d){0,2}\s*$/;

  function parseAsUtc(text) {
    text = String(text);
    if (isZoned.test(text) || isDateOnly.test(text)) {
      return parse(text);
    }
    var withZone = parse(text + "Z");
    return withZone === withZone ? withZone : parse(text + " GMT");
  }

  function StandingDate(first) {
    var time = 0;
    if (arguments.length === 1) {
      time = first instanceof Clock ? first.getTime() : typeof first === "string" ? parseAsUtc(first) : Number(first);
    } else if (arguments.length > 1) {
      time = Clock.UTC.apply(null, arguments);
    }
    var date = new Clock(time);
    return new.target ? date : date.toUTCString();
  }

  var proto = Clock.prototype;
  ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"].forEach(function (part) {
    proto["get" + part] = proto["getUTC" + part];
    if (part !== "Day") {
      proto["set" + part] = proto["setUTC" + part];
    }
  });
  proto.getTimezoneOffset = function () { return 0; };
  proto.toString = proto.toLocaleString = proto.toUTCString;
  proto.toDateString = proto.toLocaleDateString = function () { return this.toISOString().slice(0, 10); };
  proto.toTimeString = proto.toLocaleTimeString = function () { return this.toISOString().slice(11, 19); };
  proto.constructor = StandingDate;
  StandingDate.prototype = proto;
  StandingDate.UTC = Clock.UTC;
  StandingDate.parse = parseAsUtc;
  StandingDate.now = function () { return 0; };
  globalThis.Date = StandingDate;

  Math.random = function () {
    throw new TypeError("Math.random is not available: results must depend on inputs alone");
  };

  // The engine looks at its clock between instructions, not within one: a method that walks an array of holes would run
  // for hours.
  var longest = 1 << 24;
  var apply = Reflect.apply;
  Object.getOwnPropertyNames(Array.prototype).forEach(function (name) {
    var method = Array.prototype[name];
    if (typeof method !== "function" || name === "constructor") {
      return;
    }
    Object.defineProperty(Array.prototype, name, {
      value: function () {
        if (this !== undefined && this !== null && this.length > longest) {
          throw new RangeError("an array of " + this.length + " items is too long for an expression");
        }
        return apply(method, this, arguments);
      },
      configurable: true,
      writable: true
    });
  });

  // A variable is parsed when an expression first reads it, and anew for each expression: what one changes, the next
  // does not see.
  var parseJson = JSON.parse;
  function variable(name) {
    var text = "null";
    var value;
    var isParsed = false;
    Object.defineProperty(globalThis, name, {
      get: function () {
        if (!isParsed) {
          value = parseJson(text);
          isParsed = true;
        }
        return value;
      },
      set: function (other) {
        value = other;
        isParsed = true;
      },
      configurable: true,
      enumerable: true
    });
    return function (other) {
      text = other === undefined ? text : other;
      value = undefined;
      isParsed = false;
    };
  }

  var setInputs = variable("inputs");
  var setSelf = variable("self");
  var setRuntime = variable("runtime");
  return function (inputs, self, runtime) {
    setInputs(inputs);
    setSelf(self);
    setRuntime(runtime);
  };
})();
