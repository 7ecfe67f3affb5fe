"""One frame of every hot shape and protocol, as the venue prints them."""

from hft._core.base.types import Spec

USDM = Spec("BTCUSDT", tick="0.10", step="0.001")
SPOT = Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot")
COINM = Spec("BTCUSD_260925", tick="0.1", step="1", instrument="inverse", quote="USD", contract=100)

HOT = {
    "usdm depth": (USDM, b'{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5123107832006,'
                   b'"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"],["61800.20","0.000"]],"a":[["61800.30","12.510"]]}'),
    "usdm bookTicker": (USDM, b'{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30",'
                        b'"A":"2.510","T":1723161256313,"E":1723161256313}'),
    "usdm trade": (USDM, b'{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30",'
                   b'"q":"0.006","X":"MARKET","m":false}'),
    "usdm insurance": (USDM, b'{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"0",'
                       b'"q":"0","X":"NA","m":true}'),
    "usdm aggTrade": (USDM, b'{"e":"aggTrade","E":1772633473861,"a":3177292430,"s":"BTCUSDT","p":"71599.80","q":"0.019",'
                      b'"nq":"0.019","f":7382846851,"l":7382846851,"T":1772633473845,"m":false}'),
    "spot depth": (SPOT, b'{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,"u":50093239202,'
                   b'"b":[["61737.63000000","0.00000000"]],"a":[]}'),
    "spot bookTicker": (SPOT, b'{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"25.42618900","a":"61837.64000000",'
                        b'"A":"1.54698000"}'),
    "spot trade": (SPOT, b'{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",'
                   b'"q":"0.02000000","T":1723161255342123,"m":true,"M":true}'),
    "coinm depth": (COINM, b'{"e":"depthUpdate","E":1591270260907,"T":1591270260891,"s":"BTCUSD_260925","ps":"BTCUSD",'
                    b'"U":17285681,"u":17285702,"pu":17285675,"b":[["9517.6","10"]],"a":[["9518.5","45"]]}'),
    "coinm bookTicker": (COINM, b'{"e":"bookTicker","u":17242169,"s":"BTCUSD_260925","ps":"BTCUSD","b":"9548.1","B":"52",'
                         b'"a":"9548.5","A":"11","T":1591268628155,"E":1591268628166}'),
}  # fmt: skip


def wrapped(frame: bytes) -> bytes:
    return b'{"stream":"btcusdt@depth@0ms","data":' + frame + b"}"
