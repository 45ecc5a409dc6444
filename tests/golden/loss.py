def dump(save): pass
