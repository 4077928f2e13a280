from case import collect
collect("tar", [])
